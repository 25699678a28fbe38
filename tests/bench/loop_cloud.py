# SPDX-License-Identifier: Apache-2.0
"""The loop on a cloud; bench_loop.py starts it inside of the cloud's namespaces.

usage: loop_cloud.py ROUNDS
prints as its last line a JSON object {"loop": [as loop_story.Round ...], "rebuild": [seconds ...]}
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parent / "openstack"), str(_HERE.parents[1] / "common/python")]

# pylint: disable=wrong-import-position
from bundles import packed  # noqa: E402
from command import CommandFailed  # noqa: E402
from laboratory import say  # noqa: E402
from loop_story import follow, requirement, until  # noqa: E402
from loop_watch import Watch, Watched  # noqa: E402
from servers import ROOT, Workbench  # noqa: E402
from services import Someone  # noqa: E402
from unikernelclient.client import Client  # noqa: E402

_PATIENCE = 600  # seconds
_EVERY = 0.02    # seconds
_NAME = "bench-staff-only"


class Line:
    """One published line of images, and one server of it."""

    def __init__(self, bench: Workbench, builder: Client) -> None:
        self.bench, self._builder = bench, builder
        builder.requirements.create(requirement(_NAME, "staff-0", 1))
        digest = builder.bundles.create(packed(ROOT / "examples/hello-web"))
        asked = builder.builds.create(digest, requirements=[_NAME], boot_check=False, publish={"name": "bench-loop"})
        build = builder.builds.wait(asked["id"])
        if build["state"] != "succeeded":
            raise CommandFailed(f"the first image was not built: {build['error']}")
        self.images = [build["publish"]["image_id"]]
        self.server = bench.server(self.images[0], "u1.nano")
        self.address = bench.address(self.server)

    def watch(self, realm: str) -> Watch:
        return Watch({self.server: Watched(self.address, 80)}, realm, _EVERY)

    def change(self, realm: str) -> None:
        self._builder.requirements.update(_NAME, requirement(_NAME, realm, 1))

    def rollout(self) -> dict | None:
        """The newest."""
        found = self.bench.connection.session.get("/v1/rollouts?limit=1", endpoint_filter={
            "service_type": "unikernel", "interface": "public", "region_name": "RegionOne"}).json()["rollouts"]
        return found[0] if found else None

    def is_active(self, rollout: dict | None) -> bool:
        image = rollout and rollout["image_id"]
        return bool(image) and self.bench.connection.image.get_image(image).status == "active"


def loop(line: Line, number: int) -> dict:
    before = (line.rollout() or {}).get("id")
    watch = line.watch(f"staff-{number}")

    def newest():
        now = line.rollout()
        return now if now and now["id"] != before else None

    try:
        found = follow(watch, lambda: line.change(f"staff-{number}"), newest, line.is_active, _PATIENCE)
    finally:
        watch.close()
    line.images.append(newest()["image_id"])
    return asdict(found)


def rebuild(line: Line, image: str, realm: str) -> float:
    """Seconds from a plain `server rebuild` to the new image's first answer."""
    watch, begun = line.watch(realm), time.monotonic()
    try:
        line.bench.act(line.server, "rebuild", {"imageRef": image})
        until(watch.replaced, "the rebuilt server answers", _PATIENCE)
    finally:
        watch.close()
    line.bench.must_become(line.server, "ACTIVE")
    return watch.servers[line.server].new_since - begun


def main(rounds: int) -> None:
    someone = Someone(("member", "manager"))
    bench = Workbench(someone.connect())
    try:
        builder = Client(bench.connection.session, region_name="RegionOne")
        bench.undo(builder.requirements.delete, _NAME)
        line = Line(bench, builder)
        looped, rebuilt = [], []
        for number in range(1, rounds + 1):
            looped.append(loop(line, number))
            # Back to the image before and forth again; the loop lets a pinned server alone.
            bench.compute.set_server_metadata(line.server, **{"unikernel:pinned": "true"})
            rebuild(line, line.images[-2], f"staff-{number - 1}")
            rebuilt.append(rebuild(line, line.images[-1], f"staff-{number}"))
            bench.compute.delete_server_metadata(line.server, ["unikernel:pinned"])
            say(f"round {number}: the loop {looped[-1]['first']:.2f} s, a rebuild by hand {rebuilt[-1]:.2f} s")
    finally:
        bench.close()
        someone.close()
    print(json.dumps({"loop": looped, "rebuild": rebuilt}))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(int(sys.argv[1]))
