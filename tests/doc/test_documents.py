# SPDX-License-Identifier: Apache-2.0
"""architecture.rst names every folder, in layers, and what runs each page's commands; every README is well-formed."""

import pathlib
import re
import subprocess

import docutils.core
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "doc" / "source" / "contributor" / "architecture.rst"
#: Folders whose own folders each have a sentence as well.
DIVIDED = ("common", "builder_service", "devstack", "glance_store", "nova_driver", "tests")
COMMANDS = ("tools/", "devstack/allinone/", "unikernel ", "unikernel-builder ", "openstack ", "pip ", "python3 ",
            "cmake ", "cpack ", "apt-get ", "curl ", "tar ", "git ", "glance-manage ", "ln ", "systemctl ")


def tracked():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    return [pathlib.PurePath(name) for name in listed.split("\0") if name]


def rows(section):
    """First column (what stands in it between ``) and the rest of each row of a section's table."""
    titles_and_texts = re.split(r"^(\w.*)\n=+\n", PAGE.read_text(), flags=re.M)
    text = titles_and_texts[titles_and_texts.index(section) + 1]
    return {name: rest for name, rest in re.findall(r"^``([^`]+)``  +(\S.*(?:\n +\S.*)*)", text, re.M)}


def test_every_folder_has_its_sentence_and_every_sentence_its_folder():
    named = {*rows("What each folder is for"), *rows("Tests")}
    folders = {str(pathlib.PurePath(*file.parts[:depth])) for file in tracked() for depth in (1, 2)
               if len(file.parts) > depth and (depth == 1 or file.parts[0] in DIVIDED)}
    assert folders - named == set(), "without a sentence"
    assert {name for name in named if not (ROOT / name).is_dir()} == set(), "not there"


def test_no_folder_uses_one_above_it():
    height = {name: -line for line, name in enumerate(rows("What each folder is for"))}
    included = set()
    for file in tracked():
        if file.parts[0] in ("common", "builder_service") and file.suffix in (".cc", ".hh") and len(file.parts) > 2:
            folder = "/".join(file.parts[:2])
            for used in re.findall(r'^#include "((?:common|builder_service)/\w+)/', (ROOT / file).read_text(), re.M):
                included.add((folder, used))
    assert len(included) > 40
    assert [(folder, used) for folder, used in sorted(included) if height[used] > height[folder]] == []


def pages_with_commands():
    for file in tracked():
        if file.suffix == ".rst":
            lines = (ROOT / file).read_text().splitlines()
            if any(re.match(r" {3,4}(\$ )?" + re.escape(word), line) for line in lines for word in COMMANDS):
                yield str(file)


def test_every_page_with_commands_says_what_runs_them():
    named = rows("What runs the commands of the documents")
    assert set(named) == set(pages_with_commands())
    mentioned = {name for rest in named.values() for name in re.findall(r"``([^`]*/[^`]*)``", rest)}
    assert mentioned
    assert {name for name in mentioned if not (ROOT / name).exists()} == set()


@pytest.mark.parametrize("page", [str(file) for file in tracked() if file.name == "README.rst"])
def test_what_is_read_in_the_tree_has_the_form_of_restructured_text(page):
    """Sphinx, which checks all other pages, does not see these."""
    docutils.core.publish_string((ROOT / page).read_text(), settings_overrides={"halt_level": 2, "report_level": 2})
