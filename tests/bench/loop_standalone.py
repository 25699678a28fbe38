# SPDX-License-Identifier: Apache-2.0
"""The loop without a cloud: the builder service keeps the instances and replaces them."""

import json
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from command import CommandFailed, cache_folder, end, spawn
from figures import Sample, Table, limited, within
from image_builds import APPLICATION, command_line
from laboratory import say
from loop_story import Round, follow, requirement, until, way_to_first
from loop_watch import Watch, Watched

_MEMORY = 16  # MiB of an instance
_PARALLEL = 4
_PATIENCE = 1800  # seconds
_NAME = "bench-staff-only"


class Service:
    """The REST API of a builder service; see doc/source/contributor/rest-api.rst."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, method: str, path: str, body: object = None, media: str = "application/json") -> dict:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {"Content-Type": media} if data else {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                text = answer.read()
        except urllib.error.HTTPError as refusal:
            raise CommandFailed(f"{method} {path}: {refusal.code} {refusal.read().decode()[:500]}") from refusal
        return json.loads(text) if text else {}

    def rollout(self) -> dict | None:
        """The newest."""
        found = self.ask("GET", "/v1/rollouts?limit=1")["rollouts"]
        return found[0] if found else None


def bundle() -> bytes:
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path in sorted(APPLICATION.iterdir()):
            archive.add(path, path.name)
    return packed.getvalue()


@contextmanager
def service(work: Path):
    """A service of its own, with the user's caches, which looks at its lines every second."""
    port_file, log = work / "port", work / "service.log"
    configuration = work / "service.conf"
    configuration.write_text("[reconcile]\ninterval = 1\n", encoding="utf-8")
    process = spawn([command_line().parent / "unikernel-builder", "--config", configuration, "--listen", "127.0.0.1:0",
                     "--port-file", port_file, "--state", work / "state", "--cache", cache_folder()], log)
    try:
        until(lambda: port_file.exists() or process.poll() is not None, "the service listens", 60)
        if process.poll() is not None:
            raise CommandFailed("the service did not start: " + log.read_text(errors="replace")[-2000:])
        yield Service("http://127.0.0.1:" + port_file.read_text(encoding="ascii").strip())
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            end(process)


def start(asked: Service, name: str, image: str) -> Watched:
    """One more instance of the image."""
    made = asked.ask("POST", "/v1/instances", {"name": name, "image": image, "memory_mib": _MEMORY, "outbound": False,
                                               "forwards": [{"host_port": 0, "guest_port": 80}]})
    return Watched("127.0.0.1", made["forwards"][0]["host_port"])


def answer(servers: dict[str, Watched], realm: str, every: float) -> None:
    """Waits until all enforce the realm."""
    watch = Watch(servers, realm, every)
    try:
        until(lambda: watch.replaced() == len(servers), f"{len(servers)} instances answer", _PATIENCE)
    finally:
        watch.close()


def by_hand(asked: Service, name: str, image: str, realm: str) -> float:
    """Seconds that one instance is away when somebody deletes it and creates it anew from an image that is there."""
    begun = time.monotonic()
    asked.ask("DELETE", f"/v1/instances/{name}")
    answer({name: start(asked, name, image)}, realm, 0.02)
    return time.monotonic() - begun


def rounds(asked: Service, count: int, times: int) -> tuple[list[Round], list[float]]:
    """`times` changed requirements over `count` instances, and as often one instance replaced by hand."""
    every = max(0.02, count * 0.005)
    asked.ask("POST", "/v1/requirements", {"document": requirement(_NAME, "staff-0", _PARALLEL)})
    digest = asked.ask("POST", "/v1/bundles", bundle(), "application/gzip")["digest"]
    build = asked.ask("POST", "/v1/builds", {"bundle": digest, "requirements": [_NAME]})["id"]
    image = until(lambda: (now := asked.ask("GET", f"/v1/builds/{build}"))["state"] not in ("queued", "running")
                  and now, "the first image is built", _PATIENCE)["image"]
    if not image:
        raise CommandFailed("the first image was not built: " + asked.ask("GET", f"/v1/builds/{build}")["error"])
    places = {f"bench-{number}": start(asked, f"bench-{number}", image) for number in range(count)}
    answer(places, "staff-0", every)
    say(f"{count} instances answer")
    found, hand = [], []
    for number in range(1, times + 1):
        realm = f"staff-{number}"
        watch = Watch({name: Watched(place.address, place.port) for name, place in places.items()}, realm, every)
        try:
            found.append(follow(
                watch, lambda realm=realm: asked.ask("PUT", f"/v1/requirements/{_NAME}",
                                                     {"document": requirement(_NAME, realm, _PARALLEL)}),
                asked.rollout, lambda build: asked.ask("GET", f"/v1/builds/{build}"), _PATIENCE))
        finally:
            watch.close()
        say(f"change {number}: first instance replaced after {found[-1].first:.2f} s, all after {found[-1].all:.2f} s")
        extra = f"by-hand-{number}"
        start(asked, extra, asked.rollout()["image"])
        hand.append(by_hand(asked, extra, asked.rollout()["image"], realm))
        asked.ask("DELETE", f"/v1/instances/{extra}")
    for name in places:
        asked.ask("DELETE", f"/v1/instances/{name}")
    return found, hand


def measure(work: Path, count: int, times: int) -> Table:
    with service(work) as asked:
        found, hand = rounds(asked, count, times)
    table = Table(f"A changed requirement, {count} instances of one host", "the loop", "by hand")
    table.figures = [
        *way_to_first(found, "stored", "instance"),
        limited("change to first instance replaced and answering", "s", Sample.of(one.first for one in found)),
        limited(f"change to all {count} replaced and answering", "s", Sample.of(one.all for one in found)),
        within("downtime of each instance, old image's answer to the new one's", "s",
               Sample.of(away for one in found for away in one.away), Sample.of(hand)),
    ]
    table.notes.append(f"{_PARALLEL} at once after one alone; by hand: deleted and created from an image that is there")
    return table
