# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from cli_command import Command, PROGRAMS, write_program  # noqa: E402


@pytest.fixture(scope="session")
def state(tmp_path_factory):
    """A state folder that all tests share: images, and what libvirt knows of QEMU."""
    return tmp_path_factory.mktemp("unikernel-state")


@pytest.fixture(scope="session")
def unikernel(state):
    """unikernel("build", ...): runs the program to its end."""
    return Command(state)


@pytest.fixture(scope="session")
def images(unikernel, tmp_path_factory):
    """Real images, built once in the process of the command line: name -> file."""
    folder = tmp_path_factory.mktemp("images")
    built = {}
    for name in PROGRAMS:
        source = write_program(folder / name, name)
        file = folder / f"{name}.img"
        result = unikernel("build", source, "--local", "--no-boot-check", "--output", file, seconds=280)
        assert result.code == 0, result
        built[name] = file
    return built
