# SPDX-License-Identifier: Apache-2.0
"""Every figure of the path from source to answer, as ratios in one run.

The order: images are built (timed), then this process moves into a network namespace of
its own and measures guests. See doc/source/contributor/benchmarks.rst.
"""

import argparse
import os
import platform
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import boot_time
import figures
import guard_cost
import image_builds
import laboratory
import linux_vm
import minimum_memory
import placement
import regeneration
import report
import steadiness
import throughput
from accelerator import choose
from command import CommandFailed
from figures import Table
from guest import QBOOT, Bootable, Machine
from instructions import Request, compare
from laboratory import Effort, Laboratory, say
from network import open_network
from options import Options

STAGES = ("boot", "memory", "size", "throughput", "instructions", "steady", "guard", "generation")


def parse_arguments(words: list[str]) -> argparse.Namespace:
    parser = Options("path", __doc__.splitlines()[0], STAGES,
                     quick="few and short measurements, for continuous integration")
    parser.add_argument("--accelerator", choices=("auto", "kvm", "tcg"), default="auto",
                        help="auto: kvm where a guest really runs under it (default)")
    parser.add_argument("--machine", choices=("pc", "q35"), default="pc", help="QEMU machine type (default: pc)")
    parser.add_argument("--firmware", choices=("auto", "bios"), default="auto",
                        help="of both machines; auto: qboot where QEMU brings it; bios: SeaBIOS (default: auto)")
    parser.add_argument("--placement", choices=("apart", "free"), default="apart",
                        help="while requests per second are counted; apart: the guest's processor has one of the host's"
                             " to itself, where there are two; free: as the host's scheduler likes (default: apart)")
    parser.add_argument("--steady-seconds", type=int, metavar="S", help="length of the run at 200 connections")
    parser.add_argument("--linux-options", default="", metavar="WORDS",
                        help="added to the Linux command line, such as mitigations=off")
    parser.add_argument("--image", type=Path, metavar="FILE", help="this unikernel instead of building one")
    parser.add_argument("--guarded-image", type=Path, metavar="FILE", help="likewise, with http-guard")
    parser.add_argument("--sources", type=Path, nargs="+", metavar="FILE",
                        help="the application's sources for Linux (default: those of examples/hello-web)")
    chosen = parser.chosen(words)
    if chosen.steady_seconds is not None and not 1 <= chosen.steady_seconds <= 3600:
        parser.error(f"--steady-seconds: {chosen.steady_seconds} is not within 1..3600")
    return chosen


def against_linux(lab: Laboratory, stages: list[str], unikernel: Bootable, linux: Bootable) -> Table:
    table = Table("The same application as a unikernel and in a Linux virtual machine", "unikernel", "Linux VM")
    if "boot" in stages:
        table.figures += boot_time.measure(lab, unikernel, linux)
    if "memory" in stages:
        table.figures.append(minimum_memory.measure(lab, unikernel, linux))
    if "size" in stages:
        table.figures.append(figures.times_less("image", "bytes", figures.Sample.of([unikernel.size]),
                                                figures.Sample.of([linux.size]), goal=8))
    if "throughput" in stages:
        table.figures += throughput.measure(lab, unikernel, linux)
    if "instructions" in stages:
        ours, theirs = compare(lab, unikernel, linux, Request("/"), connections=20)
        table.figures.append(figures.times_less("guest instructions per request, 20 connections", "", ours, theirs))
    return table


def guard(lab: Laboratory, guarded: Bootable, plain: Bootable) -> Table:
    table = Table("The same application with http-guard and without", "with", "without")
    requests = guard_cost.requests()
    guard_cost.must_refuse_strangers(lab, guarded)
    table.figures += guard_cost.instructions(lab, guarded, plain, requests)
    table.figures += guard_cost.latency(lab, guarded, plain, requests)
    table.figures.append(guard_cost.memory(lab, guarded, plain))
    table.figures.append(guard_cost.size(guarded, plain))
    return table


def measure(chosen: argparse.Namespace, work: Path) -> tuple[dict[str, object], list[Table]]:
    effort: Effort = laboratory.QUICK if chosen.quick else laboratory.THOROUGH
    if chosen.steady_seconds:
        effort = replace(effort, steady_seconds=chosen.steady_seconds)
    tables: list[Table] = []
    if "generation" in chosen.only:
        builds = regeneration.make(effort, work)
        tables = [regeneration.with_and_without(builds), regeneration.one_option_changed(builds)]

    if chosen.only == ["generation"]:
        return {"host": platform.platform(), "processors": os.cpu_count(), "load_average": os.getloadavg()}, tables
    plain = image_builds.image_or_build("unikernel", chosen.image, None, work)
    guarded = plain
    if "guard" in chosen.only:
        guarded = image_builds.image_or_build("guarded", chosen.guarded_image, image_builds.REQUIREMENT, work)
    linux_vm.compile_application(chosen.sources or image_builds.sources(), work / "app")
    linux = linux_vm.build(work / "app", work, chosen.linux_options)
    network = open_network()  # from here on in a namespace of its own
    accelerator = choose(chosen.accelerator, chosen.machine, plain, network, work)
    machine = Machine(accelerator, chosen.machine, processor="host" if accelerator == "kvm" else None,
                      firmware=QBOOT if chosen.firmware == "auto" and QBOOT.exists() else None)
    lab = Laboratory(work, network, machine, effort, chosen.placement == "apart" and placement.can_be_apart())
    firmware = machine.firmware.stem if machine.firmware else "SeaBIOS"
    say(f"{machine.accelerator}, machine {machine.type}, firmware {firmware}, {network.name}")

    guests = [against_linux(lab, chosen.only, plain, linux)]
    if "steady" in chosen.only:
        table = Table(f"{effort.steady_seconds} s at 200 connections", "unikernel", "")
        table.figures += steadiness.measure(lab, plain)
        guests.append(table)
    if "guard" in chosen.only:
        guests.append(guard(lab, guarded, plain))
    circumstances = {"accelerator": machine.accelerator, "machine": machine.type,
                     "firmware of both": firmware, "placement": "apart" if lab.apart else "free",
                     "network": network.name,
                     "kernel": linux.kernel.name, "quick": chosen.quick, "processors": os.cpu_count(),
                     "host": platform.platform(), "load_average": os.getloadavg()}
    return circumstances, [table for table in guests + tables if table.figures]


def main(words: list[str]) -> int:
    chosen = parse_arguments(words)
    # A signal ends this like an error does: guests are ended, files removed.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    try:
        with tempfile.TemporaryDirectory(prefix="unikernel-bench-") as work:
            circumstances, tables = measure(chosen, Path(work))
    except CommandFailed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(", ".join(f"{key} {value}" for key, value in circumstances.items()))
    return report.conclude(circumstances, tables, chosen.json, chosen.check)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
