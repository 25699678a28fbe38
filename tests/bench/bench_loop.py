# SPDX-License-Identifier: Apache-2.0
"""From a changed security requirement to replaced servers, by phase, without a cloud and on one.

See doc/source/contributor/benchmarks.rst.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import bench_cloud
import loop_standalone
import loop_story
import report
from command import CommandFailed
from figures import Sample, Table, limited, within
from loop_story import Round
from options import Options

STAGES = ("standalone", "openstack")
_HERE = Path(__file__).resolve().parent
_GOAL = 3  # times a plain rebuild


def parse_arguments(words: list[str]) -> argparse.Namespace:
    parser = Options("loop", __doc__.splitlines()[0], STAGES, quick="few instances and servers, few changes",
                     more="; openstack needs root")
    parser.add_argument("--instances", type=int, metavar="N", help="of the standalone part (default: 100; quick: 4)")
    chosen = parser.chosen(words)
    chosen.instances = chosen.instances or (4 if chosen.quick else 100)
    return chosen


def on_a_cloud(servers: int, rounds: int) -> Table:
    words = [bench_cloud.CLOUD, "enter", "/usr/bin/python3", "-W", "ignore", _HERE / "loop_cloud.py", str(servers),
             str(rounds)]
    with bench_cloud.cloud(builder=True):
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise CommandFailed("the measurements inside of the cloud failed; see above")
    found = json.loads(done.stdout.splitlines()[-1])
    looped = [Round(**one) for one in found["loop"]]

    def by_hand(what: str) -> Sample:
        return Sample.of(one[what] for one in found["rebuild"])

    table = Table(f"A changed requirement, {servers} servers of a cloud", "the loop", "server rebuild")
    table.figures = [
        *loop_story.way_to_first(looped, "active in Glance", "server"),
        within("change to first server replaced and answering", "s", Sample.of(one.first for one in looped),
               by_hand("answer"), _GOAL),
        limited(f"change to all {servers} replaced and answering", "s", Sample.of(one.all for one in looped)),
        within("downtime of each server, old image's answer to the new one's", "s",
               Sample.of(away for one in looped for away in one.away), by_hand("away")),
    ]
    return table


def perform(chosen: argparse.Namespace, work: Path) -> list[Table]:
    tables = []
    if "standalone" in chosen.only:
        tables.append(loop_standalone.measure(work, chosen.instances, 1 if chosen.quick else 3))
    if "openstack" in chosen.only:
        tables.append(on_a_cloud(2, 3) if chosen.quick else on_a_cloud(4, 5))
    return tables


def main(words: list[str]) -> int:
    chosen = parse_arguments(words)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    try:
        with tempfile.TemporaryDirectory(prefix="unikernel-bench-") as work:
            tables = perform(chosen, Path(work))
    except CommandFailed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    circumstances = {"quick": chosen.quick, "processors": os.cpu_count(), "host": platform.platform(),
                     "load_average": os.getloadavg()}
    print(", ".join(f"{key} {value}" for key, value in circumstances.items()))
    return report.conclude(circumstances, tables, chosen.json, chosen.check)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
