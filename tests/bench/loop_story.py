# SPDX-License-Identifier: Apache-2.0
"""From a changed requirement to replaced servers: what is changed, and the moments that are taken of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from command import CommandFailed
from figures import Figure, Sample, limited
from loop_watch import Watch

PASSWORD = "only-for-this-benchmark"
_POLL = 0.25  # seconds; whoever asks more often slows down what is measured
BUILD_PHASES = ("compile", "link", "verify", "boot", "publish")


def requirement(name: str, realm: str, parallel: int) -> dict:
    """http-guard with this realm, which tells from outside under which revision a server's image was made."""
    return {"name": name, "applies_to": {"everything": True}, "modules": {"http-guard": {
        "unlisted": "allow", "realm": realm, "resources": [{"path": "/private", "accept": ["staff"]}],
        "credentials": [{"name": "staff", "kind": "basic", "user": "staff", "secret": {"plain": PASSWORD}}]}},
        "rollout": {"canary": 1, "parallel": parallel, "within": "300s",
                    "health": [{"http": {"port": 80, "path": "/", "status": 200}}]}}


@dataclass
class Round:
    """Seconds since the requirement was changed, by the service's own records and by what answers from outside."""

    plan: float = 0.0   # it is known what is wanted now: a rollout is stored
    build: float = 0.0  # a build was submitted
    image: float = 0.0  # its image is there: stored, and in a cloud active in Glance
    asked: float = 0.0  # the first server's replacement begins
    first: float = 0.0  # the first server answers as the new requirement wants it
    all: float = 0.0    # the last one does
    healthy: float = 0.0  # the first server was found healthy
    phases: dict[str, float] = field(default_factory=dict)  # of the build: how long each took
    away: list[float] = field(default_factory=list)  # of each server: seconds from the old image's answer to the new's


def until(true: Callable, what: str, patience: float):
    """The first true value of true()."""
    end = time.monotonic() + patience
    while not (value := true()):
        if time.monotonic() > end:
            raise CommandFailed(f"after {patience:.0f} s still not so: {what}")
        time.sleep(_POLL)
    return value


def follow(watch: Watch, change: Callable, newest: Callable, build: Callable, patience: float) -> Round:
    """Makes the change and follows it to its end.  newest(): the newest rollout as the API shows it, or None;
    build(id): a build as the API shows it."""
    before = (newest() or {}).get("id")
    begun, clock = time.monotonic(), time.time() - time.monotonic()  # ours and the service's, of one machine
    change()

    def ended() -> dict | None:
        now = newest()
        if not now or now["id"] == before:
            return None
        if now["state"] in ("failed", "aborted", "superseded"):
            raise CommandFailed(f"the rollout ended {now['state']}: {now['reason']}")
        return now if now["state"] == "succeeded" else None

    rollout = until(ended, "the rollout has succeeded", patience)
    until(lambda: watch.replaced() == len(watch.servers), "all servers answer as is wanted now", patience)
    made = build(rollout["build"])

    def since(time_stamp: str) -> float:
        return datetime.fromisoformat(time_stamp).timestamp() - clock - begun

    servers = watch.servers.values()
    answered = [server.new_since - begun for server in servers]
    return Round(plan=since(rollout["created"]), build=since(made["created"]), image=since(made["updated"]),
                 asked=min(since(server["started"]) for server in rollout["servers"]),
                 first=min(answered), all=max(answered),
                 healthy=min(since(server["ended"]) for server in rollout["servers"]),
                 phases={phase["phase"]: phase["milliseconds"] / 1000 for phase in made["phases"]},
                 away=[server.new_since - server.old_until for server in servers])


def way_to_first(rounds: list[Round], image_is: str, server: str) -> list[Figure]:
    """The way to the first server, phase by phase; `image_is` says when an image is there."""

    def figure(name: str, seconds: Callable[[Round], float]) -> Figure:
        return limited(name, "s", Sample.of(map(seconds, rounds)))

    return [
        figure("change to plan: the loop knows what is wanted", lambda one: one.plan),
        figure(f"change to new image {image_is}", lambda one: one.image),
        *(figure(f"  of that the build: {phase}", lambda one, phase=phase: one.phases[phase])
          for phase in BUILD_PHASES if all(phase in one.phases for one in rounds)),
        figure(f"image to first {server} asked to change", lambda one: one.asked - one.image),
        figure(f"first {server} asked to its answer", lambda one: one.first - one.asked),
        figure(f"first {server}'s answer to its being found healthy", lambda one: one.healthy - one.first),
    ]
