# SPDX-License-Identifier: Apache-2.0
"""Waits for a guest's first answer, to the millisecond."""

import contextlib
import select
import socket
import time

from command import CommandFailed
from guest import Guest
from network import Link

_PROBE_EVERY = 0.003   # seconds between connection attempts
_PROBE_LIVES = 0.200   # an attempt is given up after this; it would retry only after 1 s
_REQUEST = b"GET %s HTTP/1.1\r\nHost: bench\r\n%sConnection: close\r\n\r\n"


class NoAnswer(CommandFailed):
    """The guest ended or did not answer in time."""


class _Probe:
    def __init__(self, link: Link, request: bytes) -> None:
        self._answer_within = link.answer_within
        self.deadline = time.monotonic() + _PROBE_LIVES
        self._request = request
        self._answer = b""
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex((link.host, link.port))

    def advance(self) -> bytes | None:
        """The status line once it is there. Raises OSError when the attempt has failed."""
        if self._request:
            self._request = self._request[self.socket.send(self._request):]
            self.deadline = time.monotonic() + self._answer_within
            return None
        chunk = self.socket.recv(4096)
        if not chunk:
            raise ConnectionResetError
        self._answer += chunk
        line, found, _ = self._answer.partition(b"\r\n")
        return line if found else None

    @property
    def connected(self) -> bool:
        return not self._request

    def events(self) -> int:
        return select.POLLIN if self.connected else select.POLLOUT


def first_answer(guest: Guest, limit: float, path: str = "/", header: str = "",
                 status: int = 200, every: float = _PROBE_EVERY) -> float:
    """Seconds from the guest's start to the first answer with `status`.

    A fresh SYN leaves every 3 ms (`every`, in seconds), because one that comes too early is lost and TCP
    repeats it only after a second. Raises NoAnswer when the guest ends or after `limit`
    seconds.
    """
    request = _REQUEST % (path.encode(), (header + "\r\n").encode() if header else b"")
    wanted = b"HTTP/1.1 %d" % status
    probes: dict[int, _Probe] = {}
    next_probe, seen = 0.0, b""
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: [probe.socket.close() for probe in probes.values()])
        while (now := time.monotonic()) < guest.started + limit:
            if not guest.alive():
                raise NoAnswer(f"{guest.bootable.name} ended before it answered:\n{guest.last_words()}")
            for number, probe in list(probes.items()):
                if now > probe.deadline:
                    probes.pop(number).socket.close()
            if now >= next_probe:
                next_probe = now + every
                # No more attempts while one is being answered: they would only be a load.
                if any(probe.connected for probe in probes.values()):
                    continue
                probe = _Probe(guest.link, request)
                probes[probe.socket.fileno()] = probe
            poll = select.poll()
            for number, probe in probes.items():
                poll.register(number, probe.events())
            for number, _ in poll.poll(max(0.0, next_probe - time.monotonic()) * 1000):
                try:
                    line = probes[number].advance()
                except BlockingIOError:
                    continue
                except OSError:
                    probes.pop(number).socket.close()
                    continue
                if line is not None:
                    if line.startswith(wanted):
                        return time.monotonic() - guest.started
                    seen = line
                    probes.pop(number).socket.close()
    raise NoAnswer(f"{guest.bootable.name} gave no {status} within {limit:.0f} s"
                   f" (last status line: {seen.decode(errors='replace') or 'none'})\n{guest.last_words()}")
