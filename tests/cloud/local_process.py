# SPDX-License-Identifier: Apache-2.0
"""What the processes of OpenStack's services have in common when a test runs them on loopback."""

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request

import pytest

START_SECONDS = 90


def skip_without(*programs):
    """Skips the test where one of the programs is not installed, and says what installs it."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}; do: devstack/allinone/cloud.sh install")


def free_port():
    """A port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(command, environment=None):
    """Runs a command of administration; its output is in the assertion if it fails."""
    done = subprocess.run([str(word) for word in command], env={**os.environ, **(environment or {})},
                          capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def sqlite(path):
    """The URL of an SQLite file in which a reader does not lock writers out, as in other databases."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
    return f"sqlite:///{path}?timeout=60"


class LocalProcess:
    """One service; its log is in `log_file`. A subclass says command() and path, which answers when it is there."""

    path = "/"

    def __init__(self, folder, name):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.name = folder, name
        self.log_file = folder / f"{name}.log"
        self.port = free_port()
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def command(self):
        raise NotImplementedError

    def environment(self):
        return {name: value for name, value in os.environ.items() if not name.startswith("OS_")}

    def log(self):
        return self.log_file.read_text(errors="replace")

    def start(self):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([str(word) for word in self.command()], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env=self.environment())
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process.poll() is None, f"{self.name} ended: {self.log()[-3000:]}"
            assert time.monotonic() < deadline, f"{self.name} did not start: {self.log()[-3000:]}"
            time.sleep(0.1)
        return self

    def _answers(self):
        try:
            urllib.request.urlopen(self.url + self.path, timeout=5).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
