# SPDX-License-Identifier: Apache-2.0
"""Which policy a server enforces, asked again and again from outside: when the old image last answered, and the new
one first."""

import asyncio
import re
import threading
import time
from dataclasses import dataclass

_ANSWER_WITHIN = 0.5  # seconds; whoever takes longer is away


@dataclass
class Watched:
    """Moments are time.monotonic()."""

    address: str
    port: int
    realm: str = ""        # what answered last
    old_until: float = 0.0
    new_since: float = 0.0


async def _realm(server: Watched) -> str:
    """The realm in the refusal of a request without credentials; "" without an answer."""
    reader, writer = await asyncio.open_connection(server.address, server.port)
    try:
        writer.write(b"GET /private HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        found = re.search(rb'realm="([^"]*)"', head)
        return found.group(1).decode() if found else ""
    finally:
        writer.close()


class Watch:
    """Asks all servers in turns, on a thread of its own, until each enforces `wanted` or close()."""

    def __init__(self, servers: dict[str, Watched], wanted: str, every: float) -> None:
        self.servers, self._wanted, self._every = servers, wanted, every
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._ask_all()), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def replaced(self) -> int:
        return sum(1 for server in self.servers.values() if server.new_since)

    async def _ask_all(self) -> None:
        await asyncio.gather(*(self._ask(server) for server in self.servers.values()))

    async def _ask(self, server: Watched) -> None:
        while not server.new_since and not self._ended.is_set():
            try:
                server.realm = await asyncio.wait_for(_realm(server), _ANSWER_WITHIN)
            except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
                server.realm = ""
            if server.realm == self._wanted:
                server.new_since = time.monotonic()
            elif server.realm:
                server.old_until = time.monotonic()
            await asyncio.sleep(self._every)
