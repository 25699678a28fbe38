# SPDX-License-Identifier: Apache-2.0
"""Builds images with the product's own command line and reads its account of the time."""

import json
import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

from command import CommandFailed, cache_folder, run
from guest import Bootable
from laboratory import say

_REPOSITORY = Path(__file__).resolve().parents[2]
APPLICATION = _REPOSITORY / "examples/hello-web"
REQUIREMENT = _REPOSITORY / "examples/requirements/staff-only.yaml"
USER = "staff"
PASSWORD = "only-for-this-benchmark"   # what the requirement's {from_env: STAFF_PASSWORD} becomes


@dataclass(frozen=True)
class Build:
    image: Path
    work: float        # seconds of all phases; there is no boot check among them
    wall: float        # seconds of the whole command
    processor: float   # seconds of user and system time of the command and its children
    objects_compiled: int
    phases: dict[str, float]


def _program(name: str) -> Path:
    folder = Path(os.environ.get("UNIKERNEL_BUILD_DIR", _REPOSITORY / "build/release"))
    program = folder / "bin" / name
    if not program.exists():
        raise CommandFailed(f"{program} is not there; build it: cmake --preset release &&"
                            f" cmake --build --preset release --target {name}")
    return program


def command_line() -> Path:
    return _program("unikernel")


def _cache(folder: Path) -> Path:
    """Where a builder that keeps its objects in `folder` looks for them."""
    cache = folder / "cache/unikernel"
    if not cache.is_dir():
        cache.mkdir(parents=True)
        (cache / "sources").symlink_to(cache_folder() / "sources")  # fetched beforehand: no download is timed
    return cache


def prepare(folder: Path) -> float:
    """Compiles ahead what images share, as an operator does once. Seconds."""
    started = time.monotonic()
    run([_program("unikernel-builder"), "--prepare", "--cache", _cache(folder)], timeout=1200,
        environment={"HOME": str(folder)})
    return time.monotonic() - started


def build(program: Path, output: Path, folder: Path, requirement: Path | None,
          application: Path = APPLICATION) -> Build:
    """One build by an embedded service (--local) that keeps its objects in `folder`."""
    _cache(folder)
    words: list[str | Path] = [program, "build", application, "--local", "--json", "--no-boot-check",
                               "--state", folder / "state", "--output", output]
    if requirement:
        words += ["--requirement", requirement]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    printed = run(words, timeout=600, environment={"STAFF_PASSWORD": PASSWORD, "XDG_CACHE_HOME": str(folder / "cache")})
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    account = json.loads(printed)
    phases = {phase["phase"]: phase["milliseconds"] / 1000 for phase in account["phases"]}
    return Build(output, sum(phases.values()), wall,
                 after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
                 account["objects"]["compiled"], phases)


def image_or_build(name: str, image: Path | None, requirement: Path | None, work: Path) -> Bootable:
    """`image` where one is given, else one that is built in `work`."""
    if image is None:
        image = build(command_line(), work / f"{name}.img", work / "builder", requirement).image
        say(f"built {image.name}: {image.stat().st_size} bytes")
    return Bootable(name, image, append="u0", memory_mib=128)


def sources() -> list[Path]:
    """The application's translation units."""
    return sorted(APPLICATION.rglob("*.cc"))
