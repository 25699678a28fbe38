# SPDX-License-Identifier: Apache-2.0
"""How long images take to make: with http-guard and without, and after one changed option."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from command import CommandFailed
from figures import Sample, Table, limited, surplus, times_less
from image_builds import APPLICATION, REQUIREMENT, Build, build, command_line, prepare
from laboratory import Effort, say

_REALM = "realm: staff"
_LIMIT = 2  # percent that http-guard may add to the generation of an image


@dataclass
class Builds:
    """Every build that was made, in turns."""

    prepared_guarded: list[Build] = field(default_factory=list)
    prepared_plain: list[Build] = field(default_factory=list)
    preparation: float = 0   # seconds
    cold_guarded: list[Build] = field(default_factory=list)
    cold_plain: list[Build] = field(default_factory=list)
    edited_guarded: list[Build] = field(default_factory=list)
    edited_plain: list[Build] = field(default_factory=list)
    option_changed: list[Build] = field(default_factory=list)


def _with_other_realm(work: Path, number: int) -> Path:
    """The requirement with one option changed: a realm that no build had before."""
    text = REQUIREMENT.read_text(encoding="utf-8")
    if text.count(_REALM) != 1:
        raise CommandFailed(f"{REQUIREMENT}: '{_REALM}' was expected once, to change it")
    path = work / "changed.yaml"
    path.write_text(text.replace(_REALM, f"{_REALM}-{number}"), encoding="utf-8")
    return path


def _edited_application(work: Path, number: int) -> Path:
    """The application with a source that no build had before."""
    folder = work / "edited"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(APPLICATION, folder)
    with open(sorted(folder.rglob("*.cc"))[0], "a", encoding="utf-8") as source:
        source.write(f"// edition {number}\n")
    return folder


def _told(what: str, made: Build) -> Build:
    say(f"{what}: {made.work:.2f} s of work, {made.processor:.2f} s of processor time,"
        f" {made.objects_compiled} objects compiled ("
        + ", ".join(f"{name} {seconds:.2f}" for name, seconds in made.phases.items()) + ")")
    return made


def make(effort: Effort, work: Path) -> Builds:
    """Rounds of builds. In each: both images as the first ones of a builder that was prepared; both from an empty
    cache; then with that cache the image after one changed option, and both images of an edited application."""
    program, builds, output = command_line(), Builds(), work / "generated.img"
    guarded, plain, prepared = work / "cache-guarded", work / "cache-plain", work / "cache-prepared"
    builds.preparation = prepare(prepared)
    say(f"preparation: {builds.preparation:.1f} s, once")
    for number in range(effort.builds):
        for made, what, requirement in ((builds.prepared_guarded, "with http-guard", REQUIREMENT),
                                        (builds.prepared_plain, "without", None)):
            used = work / "cache-used"
            shutil.rmtree(used, ignore_errors=True)
            shutil.copytree(prepared, used, symlinks=True)
            made.append(_told(f"first after preparation, {what}", build(program, output, used, requirement)))
        shutil.rmtree(guarded, ignore_errors=True)
        shutil.rmtree(plain, ignore_errors=True)
        builds.cold_guarded.append(_told("cold, with http-guard", build(program, output, guarded, REQUIREMENT)))
        builds.cold_plain.append(_told("cold, without", build(program, output, plain, None)))
        builds.option_changed.append(_told("one option changed", build(
            program, output, guarded, _with_other_realm(work, number))))
        edited = _edited_application(work, number)
        builds.edited_guarded.append(_told("application edited, with http-guard", build(
            program, output, guarded, REQUIREMENT, edited)))
        builds.edited_plain.append(_told("application edited, without", build(program, output, plain, None, edited)))
    return builds


def _work(builds: list[Build]) -> Sample:
    return Sample.of(made.work for made in builds)


def _processor(builds: list[Build]) -> Sample:
    return Sample.of(made.processor for made in builds)


def _objects(builds: list[Build]) -> Sample:
    return Sample.of(made.objects_compiled for made in builds)


def with_and_without(builds: Builds) -> Table:
    table = Table("Image generation with http-guard and without", "with", "without")
    for name, guarded, plain in (
            ("first build after preparation", builds.prepared_guarded, builds.prepared_plain),
            ("application edited, modules in the cache", builds.edited_guarded, builds.edited_plain),
            ("nothing prepared, nothing in the cache", builds.cold_guarded, builds.cold_plain)):
        table.figures += [surplus(f"{name}: work", "s", _work(guarded), _work(plain), _LIMIT),
                          surplus(f"{name}: objects compiled", "", _objects(guarded), _objects(plain))]
    table.figures.append(surplus("nothing in the cache: processor time", "s", _processor(builds.cold_guarded),
                                 _processor(builds.cold_plain)))
    table.notes.append(f"preparation, once for all images: {builds.preparation:.1f} s")
    table.notes.append("processor time is without the application's own compilation, which its sandbox hides")
    return table


def one_option_changed(builds: Builds) -> Table:
    changed, cold = builds.option_changed, builds.cold_guarded
    table = Table("One option of http-guard changed", "changed", "cold build")
    table.figures = [
        times_less("work for the new image", "s", _work(changed), _work(cold), goal=10),
        limited("work for the new image, slowest", "s", _work(changed), 0.5, below=True),
        times_less("processor time", "s", _processor(changed), _processor(cold)),
        times_less("objects compiled", "", _objects(changed), _objects(cold)),
    ]
    return table
