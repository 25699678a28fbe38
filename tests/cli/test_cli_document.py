# SPDX-License-Identifier: Apache-2.0
"""doc/source/user/cli.rst shows the commands and options that there are; the other tests here run them."""

import re

import pytest

from cli_command import ROOT

PAGE = (ROOT / "doc" / "source" / "user" / "cli.rst").read_text()


def shown():
    """(command, options) of each command line on the page."""
    for line in re.findall(r"^    \$ unikernel (.*)$|``unikernel ([^`]+)``", PAGE, re.M):
        words = (line[0] or line[1]).split(" -- ")[0]
        command = re.match(r"(?:module|platform|repository|requirement|rollout)\s+[a-z]+|[a-z]+", words)
        if command:
            yield " ".join(command[0].split()), tuple(re.findall(r"(?<!\S)\[?(--[a-z-]+)", words))


@pytest.mark.parametrize("command, options", sorted(set(shown())))
def test_a_command_on_the_page_exists_with_its_options(unikernel, command, options):
    told = unikernel(*command.split(), "--help")
    assert told.code == 0, told
    assert [option for option in options if not re.search(rf"{option}(?![a-z-])", told.out)] == []


def test_the_page_shows_every_command(unikernel):
    listed = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  ", unikernel("--help").out.split("Start here")[0], re.M)
    assert len(listed) > 5
    assert set(listed) - {command for command, _ in shown()} == {"version"}
