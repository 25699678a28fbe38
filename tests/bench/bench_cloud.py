# SPDX-License-Identifier: Apache-2.0
"""`server create` on a real OpenStack: a unikernel against the same application in Linux servers, in one run.

The order: guests are built, the all-in-one cloud is started unless it runs, cloud_measure.py measures
inside of it, what was started is stopped. See doc/source/contributor/benchmarks.rst.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import debian_vm
import image_builds
import linux_vm
import report
from command import CommandFailed, run
from figures import Figure, Sample, Table, limited, times_less, times_less_in_turns
from options import Options

_REPOSITORY = Path(__file__).resolve().parents[2]
_HERE = Path(__file__).resolve().parent
CLOUD = _REPOSITORY / "devstack/allinone/cloud.sh"
UNIKERNEL, MINIMAL, DEBIAN = "unikernel", "minimal", "debian"
STAGES = (MINIMAL, DEBIAN, "many")
_MANY = 10  # servers


@dataclass(frozen=True)
class Effort:
    """Servers of each kind; the first of each finds no image on the host and counts apart."""

    servers: int
    debians: int


THOROUGH, QUICK = Effort(servers=8, debians=4), Effort(servers=4, debians=2)


def parse_arguments(words: list[str]) -> argparse.Namespace:
    parser = Options("openstack", __doc__.splitlines()[0], STAGES, quick="few measurements, for continuous integration")
    parser.add_argument("--image", type=Path, metavar="FILE", help="this unikernel instead of building one")
    return parser.chosen(words)


def guests(chosen: argparse.Namespace, work: Path) -> dict[str, dict]:
    """What cloud_measure.py's plan says of the guests."""
    unikernel = image_builds.image_or_build(UNIKERNEL, chosen.image, None, work).kernel.resolve()
    found = {UNIKERNEL: {"files": {"image": str(unikernel)}, "flavor": {"ram": 64}, "patience": 120}}
    linux_vm.compile_application(image_builds.sources(), work / "app")
    if MINIMAL in chosen.only or "many" in chosen.only:
        make = [sys.executable, _REPOSITORY / "tests/openstack/linux_image.py", work / MINIMAL, work / "app"]
        run(make, timeout=900)
        files = {part: str(work / MINIMAL / part) for part in ("kernel", "ramdisk", "disk")}
        found[MINIMAL] = {"files": files, "command_line": "console=ttyS0 quiet", "flavor": {"ram": 256},
                          "patience": 240}
    if DEBIAN in chosen.only:
        files = {part: str(path) for part, path in debian_vm.build(work / "app").items()}
        found[DEBIAN] = {"files": files, "command_line": debian_vm.COMMAND_LINE, "flavor": {"ram": 512, "disk": 2},
                         "patience": 900}
    return found


def order(chosen: argparse.Namespace, effort: Effort) -> list[str]:
    """In turns, so that other work on the machine hits all of them; every second turn backwards, so that none
    always comes after the same other."""
    counts = {UNIKERNEL: effort.servers, MINIMAL: effort.servers if MINIMAL in chosen.only else 0,
              DEBIAN: effort.debians if DEBIAN in chosen.only else 0}
    turns = max(counts.values())
    return [name for turn in range(turns) for name in (list(counts) if turn % 2 == 0 else reversed(counts))
            if turn < counts[name]]


@contextmanager
def cloud(builder: bool = False):
    """The all-in-one cloud, with a builder if it is wanted; one that runs already is used, and left running."""
    environment = os.environ | ({} if builder else {"ALLINONE_BUILDER": "none"})

    def command(*words: str) -> int:
        return subprocess.run([CLOUD, *words], stdout=sys.stderr, check=False, env=environment).returncode

    ours = command("status") != 0
    if ours and any(command(verb) != 0 for verb in ("install", "init", "start")):
        raise CommandFailed("the cloud did not start; its logs are where devstack/allinone/settings.sh says")
    try:
        yield
    finally:
        if ours:
            command("stop")


def measure(plan: dict, work: Path) -> dict:
    """What cloud_measure.py prints, from inside of the cloud."""
    (work / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    words = [CLOUD, "enter", "/usr/bin/python3", "-W", "ignore", _HERE / "cloud_measure.py", work / "plan.json"]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise CommandFailed("the measurements inside of the cloud failed; see above")
    return json.loads(done.stdout.splitlines()[-1])


def samples(found: dict, guest: str, what: str, cold: bool = False) -> Sample:
    return Sample.of(one[what] for one in found["servers"] if one["guest"] == guest and one["cold"] == cold)


_PHASES = {  # those of one server follow each other but for "port", which is made while "spawn" has begun
    "api": "until the API has accepted it", "schedule": "until the host has claimed it",
    "port": "Neutron's API makes and binds the port", "spawn": "the driver's work until the guest runs",
    "wired": "of that: waiting until the port is wired", "boot": "guest runs to first HTTP 200",
}


def compared(found: dict, theirs: str, title: str, answer_goal: float, spawn_goal: float | None,
             bytes_goal: float | None) -> Table:
    table = Table(title, "unikernel", {MINIMAL: "minimal Linux", DEBIAN: "Debian"}[theirs])

    def row(name: str, what: str, goal: float | None = None, cold: bool = False) -> Figure:
        return times_less_in_turns(name, "s", samples(found, UNIKERNEL, what, cold),
                                   samples(found, theirs, what, cold), goal)

    table.figures = [row("server create to first HTTP 200", "answer", answer_goal),
                     row("server create to ACTIVE", "active"),
                     row("guest's process to first HTTP 200", "process_to_answer", spawn_goal),
                     row("beginning of spawn to first HTTP 200", "spawn_to_answer")]
    for what, name in _PHASES.items():
        if all(samples(found, guest, what).median > 0 for guest in (UNIKERNEL, theirs)):
            table.figures.append(row(f"  {what}: {name}", what))
    table.figures += [row("first server of an image: to first HTTP 200", "answer", cold=True),
                      row("  of that: Glance hands out the image", "fetch", cold=True)]
    moved = {guest: Sample.of(one["fetched_bytes"] + one["written_bytes"] for one in found["servers"]
                              if one["guest"] == guest and one["cold"]) for guest in (UNIKERNEL, theirs)}
    table.figures.append(times_less("  bytes fetched and written", "", moved[UNIKERNEL], moved[theirs], bytes_goal))
    table.figures += [row("server stop to SHUTOFF", "stop"), row("server delete to gone", "delete")]
    return table


def crowds(found: dict) -> list[Table]:
    tables = []
    by_guest = {crowd["guest"]: crowd for crowd in found["many"]}
    if UNIKERNEL in by_guest:
        ours, theirs = by_guest[UNIKERNEL], by_guest.get(MINIMAL)
        table = Table(f"{ours['count']} servers by one request", "unikernel", "minimal Linux" if theirs else "")
        for name, value in (("first of them answers", lambda crowd: crowd["answers"][0]),
                            ("all of them answer", lambda crowd: crowd["answers"][-1]),
                            ("time per server", lambda crowd: crowd["answers"][-1] / crowd["count"]),
                            ("all of them are deleted", lambda crowd: crowd["delete"])):
            ours_sample = Sample.of([value(ours)])
            table.figures.append(times_less(name, "s", ours_sample, Sample.of([value(theirs)])) if theirs
                                 else limited(name, "s", ours_sample))
        left = Sample.of([sum(map(len, crowd["left"].values())) for crowd in by_guest.values()])
        table.figures.append(limited("left behind: domains, taps, ports, directories", "", left, 0))
        tables.append(table)
    return tables


def tables_of(chosen: argparse.Namespace, found: dict) -> list[Table]:
    tables = []
    if MINIMAL in chosen.only:
        tables.append(compared(found, MINIMAL, "The same application in a minimal Linux server", 2.5, 6, 10))
    if DEBIAN in chosen.only:
        tables.append(compared(found, DEBIAN, "... and in a Debian with systemd", 8, None, None))
    return tables + crowds(found)


def perform(chosen: argparse.Namespace, work: Path) -> tuple[dict[str, object], list[Table]]:
    effort = QUICK if chosen.quick else THOROUGH
    plan = {"guests": guests(chosen, work), "order": order(chosen, effort), "many": {}}
    if "many" in chosen.only:
        plan["many"] = {UNIKERNEL: _MANY} if chosen.quick else {UNIKERNEL: _MANY, MINIMAL: _MANY}
    with cloud():
        found = measure(plan, work)
    circumstances = {"accelerator": os.environ.get("ALLINONE_VIRT_TYPE", "qemu"), "quick": chosen.quick,
                     "processors": os.cpu_count(), "host": platform.platform(), "load_average": found["load_average"],
                     "samples": found}
    return circumstances, tables_of(chosen, found)


def main(words: list[str]) -> int:
    chosen = parse_arguments(words)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    try:
        with tempfile.TemporaryDirectory(prefix="unikernel-bench-") as work:
            circumstances, tables = perform(chosen, Path(work))
    except CommandFailed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(", ".join(f"{key} {value}" for key, value in circumstances.items() if key != "samples"))
    return report.conclude(circumstances, tables, chosen.json, chosen.check)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
