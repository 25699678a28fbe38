# SPDX-License-Identifier: Apache-2.0
"""From a changed requirement to replaced servers: what is changed, and the moments that are taken of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from command import CommandFailed
from loop_watch import Watch

PASSWORD = "only-for-this-benchmark"
_POLL = 0.1  # seconds


def requirement(name: str, realm: str, parallel: int) -> dict:
    """http-guard with this realm, which tells from outside under which revision a server's image was made."""
    return {"name": name, "applies_to": {"everything": True}, "modules": {"http-guard": {
        "unlisted": "allow", "realm": realm, "resources": [{"path": "/private", "accept": ["staff"]}],
        "credentials": [{"name": "staff", "kind": "basic", "user": "staff", "secret": {"plain": PASSWORD}}]}},
        "rollout": {"canary": 1, "parallel": parallel, "within": "300s",
                    "health": [{"http": {"port": 80, "path": "/", "status": 200}}]}}


@dataclass
class Round:
    """Seconds since the requirement was changed."""

    build: float = 0.0  # a build was submitted
    image: float = 0.0  # its image is there: stored, and in a cloud active in Glance
    first: float = 0.0  # the first server answers as the new requirement wants it
    all: float = 0.0    # the last one does
    away: list[float] = field(default_factory=list)  # of each server: seconds from the old image's answer to the new's


def until(true: Callable, what: str, patience: float):
    """The first true value of true()."""
    end = time.monotonic() + patience
    while not (value := true()):
        if time.monotonic() > end:
            raise CommandFailed(f"after {patience:.0f} s still not so: {what}")
        time.sleep(_POLL)
    return value


def follow(watch: Watch, change: Callable, rollout: Callable, image_is_there: Callable, patience: float) -> Round:
    """Makes the change and follows it to its end. rollout(): what the service says of the newest, or None;
    image_is_there(rollout): whether its image is."""
    found, begun = Round(), time.monotonic()
    change()

    def first() -> bool:
        return watch.replaced() > 0

    until(lambda: (now := rollout()) and now["build"], "a build was submitted", patience)
    found.build = time.monotonic() - begun
    until(lambda: first() or image_is_there(rollout()), "the new image is there", patience)
    found.image = time.monotonic() - begun

    def settled() -> bool:
        state = rollout()["state"]
        if state in ("failed", "aborted", "superseded"):
            raise CommandFailed(f"the rollout ended {state}: {rollout()['reason']}")
        return watch.replaced() == len(watch.servers)

    until(settled, "all servers are replaced", patience)
    until(lambda: rollout()["state"] == "succeeded", "the rollout has succeeded", patience)
    answered = [server.new_since - begun for server in watch.servers.values()]
    found.first, found.all = min(answered), max(answered)
    found.away = [server.new_since - server.old_until for server in watch.servers.values()]
    return found
