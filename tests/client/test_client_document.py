# SPDX-License-Identifier: Apache-2.0
"""Every command of doc/source/user/openstack-client.rst, in its order, against the real service."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from unikernelclient import bundle

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "doc" / "source" / "user" / "openstack-client.rst"
#: Shown without being run here: they need a rollout, which test_client_rollouts.py has.
ELSEWHERE = {"rollout show", "rollout pause", "rollout resume", "rollout abort"}


@pytest.fixture
def tree(tmp_path):
    """What the document's commands name, in a copy that they may write to."""
    for folder in ("examples", "common/python"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def test_every_command_works(builder, tree):
    commands = re.findall(r"^    \$ (.*)$", DOCUMENT.read_text().replace("http://127.0.0.1:8770",
                                                                         f"http://127.0.0.1:{builder.port}"), re.M)
    run = "\n".join(commands)
    missing = [name for name in entry_points() if name not in ELSEWHERE and f"openstack unikernel {name}" not in run]
    assert not missing, "the document does not show these"
    prose = " ".join(DOCUMENT.read_text().split())
    assert [name for name in ELSEWHERE if f"openstack unikernel {name}" not in prose] == []
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
    path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-exuo", "pipefail", "-c", "\n".join(commands)], cwd=tree, capture_output=True,
                          text=True, stdin=subprocess.DEVNULL,
                          env={**inherited, "HOME": str(tree), "PATH": path, "PIP_ROOT_USER_ACTION": "ignore"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tree / "hello-world.img").read_bytes()[:4] == b"\x7fELF"


def entry_points():
    """The commands as users type them, without `openstack unikernel`."""
    text = (ROOT / "common" / "python" / "pyproject.toml").read_text()
    return [name.replace("_", " ") for name in re.findall(r"^unikernel_(\w+) = ", text, re.M)]


def test_the_document_names_the_limits_there_are():
    assert f"more than {bundle.BYTES_MOST >> 20} MiB or {bundle.ENTRIES_MOST:,} files".replace(",", " ") \
        in DOCUMENT.read_text().replace("\n", " ")
