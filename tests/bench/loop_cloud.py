# SPDX-License-Identifier: Apache-2.0
"""The loop on a cloud; bench_loop.py starts it inside of the cloud's namespaces.

usage: loop_cloud.py SERVERS ROUNDS
prints as its last line a JSON object {"loop": [as loop_story.Round ...], "rebuild": [{"answer", "away": seconds} ...]}
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parent / "openstack"), str(_HERE.parents[1] / "common/python")]

# pylint: disable=wrong-import-position
from laboratory import say  # noqa: E402
from lines import Line  # noqa: E402
from loop_story import follow, requirement, until  # noqa: E402
from loop_watch import Watch, Watched  # noqa: E402

_PATIENCE = 600  # seconds
_EVERY = 0.02    # seconds
_NAME = "bench-staff-only"
_PARALLEL = 2
_RUN = f"staff-{int(time.time())}"  # a realm that nobody has in his cache


class Bench:
    """A line of images and servers of it."""

    def __init__(self, line: Line, count: int) -> None:
        self.line, self.user = line, line.user
        self.images = [line.first]
        servers = line.servers(*({"name": f"bench-{number}"} for number in range(count)))
        self.addresses = {server: self.user.address(server) for server in servers}
        self.await_realm(f"{_RUN}-0", servers)

    def watch(self, realm: str, servers: list[str]) -> Watch:
        return Watch({server: Watched(self.addresses[server], 80) for server in servers}, realm, _EVERY)

    def await_realm(self, realm: str, servers: list[str]) -> None:
        watch = self.watch(realm, servers)
        try:
            until(lambda: watch.replaced() == len(servers), "all servers answer", _PATIENCE)
        finally:
            watch.close()

    def change(self, realm: str) -> dict:
        """What the loop makes of a changed requirement."""
        builder, watch = self.line.builder, self.watch(realm, list(self.addresses))
        try:
            found = follow(watch, lambda: builder.requirements.update(_NAME, requirement(_NAME, realm, _PARALLEL)),
                           lambda: next(iter(builder.rollouts.list(limit=1)), None), builder.builds.get, _PATIENCE)
        finally:
            watch.close()
        self.images.append(self.line.rollouts()[0]["image_id"])
        return asdict(found)

    def rebuild(self, server: str, image: str, realm: str) -> dict[str, float]:
        """Seconds from a plain `server rebuild` to the new image's first answer, and without any answer between."""
        watch = self.watch(realm, [server])
        try:
            until(lambda: watch.servers[server].old_until, "the old image answers", _PATIENCE)
            begun = time.monotonic()
            self.user.act(server, "rebuild", {"imageRef": image})
            until(watch.replaced, "the rebuilt server answers", _PATIENCE)
        finally:
            watch.close()
        self.user.must_become(server, "ACTIVE")
        seen = watch.servers[server]
        return {"answer": seen.new_since - begun, "away": seen.new_since - seen.old_until}


def measure(line: Line, count: int, rounds: int) -> dict[str, list]:
    bench = Bench(line, count)
    server = next(iter(bench.addresses))
    looped, rebuilt = [], []
    for number in range(1, rounds + 1):
        looped.append(bench.change(f"{_RUN}-{number}"))
        # Back to the image before and forth again; the loop lets a pinned server alone.
        bench.user.compute.set_server_metadata(server, **{"unikernel:pinned": "true"})
        bench.rebuild(server, bench.images[-2], f"{_RUN}-{number - 1}")
        rebuilt.append(bench.rebuild(server, bench.images[-1], f"{_RUN}-{number}"))
        bench.user.compute.delete_server_metadata(server, ["unikernel:pinned"])
        say(f"round {number}: the loop {looped[-1]['first']:.2f} s, a rebuild by hand {rebuilt[-1]['answer']:.2f} s")
    return {"loop": looped, "rebuild": rebuilt}


def main(count: int, rounds: int) -> None:
    line = Line(requirement(_NAME, f"{_RUN}-0", _PARALLEL))
    try:
        found = measure(line, count, rounds)
    finally:
        line.close()
    print(json.dumps(found))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(int(sys.argv[1]), int(sys.argv[2]))
