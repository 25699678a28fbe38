# SPDX-License-Identifier: Apache-2.0
"""One boot of an image in QEMU, and what its console said."""

import pathlib
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request

GUEST_PORT = 8080


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Machine:
    """A guest from start to end; ended with the `with` block whatever happens."""

    def __init__(self, image: pathlib.Path, work: pathlib.Path, case: dict, machine: str, network: bool):
        self.console_file = work / 'console'
        self.port = free_port() if network else None
        # Of two -accel QEMU takes the first that starts; a KVM that starts but runs nothing is told
        # apart only by trying, so tests of guests always use TCG: their results are the same there.
        command = ['qemu-system-x86_64', '-accel', 'tcg', '-machine', machine, '-nodefaults',
                   '-display', 'none', '-no-reboot', '-m', str(case.get('memory_mib', 16)),
                   '-serial', f'file:{self.console_file}', '-kernel', str(image),
                   '-append', case.get('command_line', '')]
        if network:
            command += ['-netdev', f'user,id=n,hostfwd=tcp:127.0.0.1:{self.port}-:{GUEST_PORT}',
                        '-device', 'virtio-net-pci,netdev=n,romfile=']
        command += case.get('qemu', [])
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def console(self) -> list[str]:
        if not self.console_file.exists():
            return []
        return self.console_file.read_text(errors='replace').replace('\r', '').splitlines()

    def wait(self, seconds: float) -> None:
        """Until the machine is off."""
        try:
            output, _ = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'still on after {seconds} s:\n' + '\n'.join(self.console())) from None
        assert self.process.returncode == 0, output.decode(errors='replace')

    def get(self, path: str, seconds: float) -> int:
        """The status of GET `path`; tries again until the guest listens."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return urllib.request.urlopen(f'http://127.0.0.1:{self.port}{path}', timeout=5).status
            except urllib.error.HTTPError as error:
                return error.code
            except OSError as error:
                assert self.process.poll() is None, 'it ended:\n' + '\n'.join(self.console())
                assert time.monotonic() < deadline, f'{path}: {error}\n' + '\n'.join(self.console())
                time.sleep(0.05)


def check_console(lines: list[str], expected: list[str], to_the_end: bool) -> None:
    """Each expression matches a whole line, in this order; the last one the last line if `to_the_end`."""
    text = '\n'.join(lines)
    at = 0
    for expression in expected:
        while at < len(lines) and not re.fullmatch(expression, lines[at]):
            at += 1
        assert at < len(lines), f'no line {expression!r} (in this order) in:\n{text}'
        at += 1
    if to_the_end and expected:
        assert re.fullmatch(expected[-1], lines[-1]), f'the last line is not {expected[-1]!r}:\n{text}'
