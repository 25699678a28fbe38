# SPDX-License-Identifier: Apache-2.0
"""How long images take to make: with http-guard and without, and after one changed option."""

import shutil
from pathlib import Path

from command import CommandFailed
from figures import Figure, Sample, Table, limited, surplus, times_less
from image_builds import REQUIREMENT, Build, build, command_line
from laboratory import Effort, say

_REALM = "realm: staff"


def _cold(work: Path, requirement: Path | None) -> Build:
    """A build that finds no object in the cache."""
    cache = work / "cold"
    shutil.rmtree(cache, ignore_errors=True)
    made = build(command_line(), work / "cold.img", cache, requirement)
    say(f"cold build {'with' if requirement else 'without'} http-guard: {made.work:.2f} s of work,"
        f" {made.processor:.2f} s of processor time, {made.objects_compiled} objects compiled")
    return made


def _changed(work: Path, number: int) -> Path:
    """The requirement with one option changed: a realm that no build had before."""
    text = REQUIREMENT.read_text(encoding="utf-8")
    if text.count(_REALM) != 1:
        raise CommandFailed(f"{REQUIREMENT}: '{_REALM}' was expected once, to change it")
    path = work / "changed.yaml"
    path.write_text(text.replace(_REALM, f"{_REALM}-{number}"), encoding="utf-8")
    return path


def _work(builds: list[Build]) -> Sample:
    return Sample.of(made.work for made in builds)


def with_and_without(effort: Effort, work: Path) -> Table:
    guarded, plain = [], []
    for _ in range(effort.builds):
        guarded.append(_cold(work, REQUIREMENT))
        plain.append(_cold(work, None))
    table = Table("Image generation with http-guard and without, nothing in the cache", "with", "without")
    table.figures = [
        surplus("work", "s", _work(guarded), _work(plain), limit=2),
        surplus("processor time", "s", Sample.of(made.processor for made in guarded),
                Sample.of(made.processor for made in plain)),
        surplus("objects compiled", "", Sample.of(made.objects_compiled for made in guarded),
                Sample.of(made.objects_compiled for made in plain)),
    ]
    return table


def one_option_changed(effort: Effort, work: Path) -> Table:
    cold, changed = [], []
    for number in range(effort.builds):
        cold.append(_cold(work, REQUIREMENT))  # leaves a full cache behind
        changed.append(build(command_line(), work / "changed.img", work / "cold", _changed(work, number)))
        say(f"one option changed: {changed[-1].work:.3f} s of work, {changed[-1].objects_compiled} objects compiled; "
            + ", ".join(f"{name} {seconds:.3f}" for name, seconds in changed[-1].phases.items()))
    table = Table("One option of http-guard changed", "changed", "cold build")
    figures: list[Figure] = [
        times_less("work for the new image", "s", _work(changed), _work(cold), goal=10),
        limited("work for the new image, slowest", "s", _work(changed), 0.5, below=True),
        times_less("the whole command", "s", Sample.of(made.wall for made in changed),
                   Sample.of(made.wall for made in cold)),
        times_less("objects compiled", "", Sample.of(made.objects_compiled for made in changed),
                   Sample.of(made.objects_compiled for made in cold)),
    ]
    table.figures = figures
    return table
