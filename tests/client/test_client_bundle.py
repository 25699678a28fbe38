# SPDX-License-Identifier: Apache-2.0
"""Bundles: the same bytes as the command line's, and what is refused."""

import io
import os
import tarfile

import pytest

from unikernelclient import bundle
from unikernelclient.exceptions import InvalidInput


@pytest.fixture
def folder(tmp_path):
    """A source folder with things to leave out."""
    folder = tmp_path / "app"
    for name in ("unikernel.yaml", "main.cc", "lib/a.cc", "lib-b.cc", ".git/config", ".hidden", "lib/.ccls", "old.img"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("name: app\nplatform: u0\n" if name == "unikernel.yaml" else f"// {name}\n")
    return folder


def packed(folder):
    file = io.BytesIO()
    digest = bundle.pack(folder, file)
    return file.getvalue(), digest


def members(data):
    return tarfile.open(fileobj=io.BytesIO(data)).getmembers()


def test_packs_sources_and_leaves_out_the_rest(folder):
    data, _ = packed(folder)
    assert [member.name for member in members(data)] == ["lib-b.cc", "lib/a.cc", "main.cc", "unikernel.yaml"]
    assert tarfile.open(fileobj=io.BytesIO(data)).extractfile("lib/a.cc").read() == b"// lib/a.cc\n"


def test_bytes_do_not_depend_on_times_modes_and_owners(folder):
    before = packed(folder)
    os.utime(folder / "main.cc", (1, 1))
    os.chmod(folder / "main.cc", 0o700)
    assert packed(folder) == before
    member = members(before[0])[0]
    assert (member.mtime, member.mode, member.uid, member.gid, member.uname) == (0, 0o644, 0, 0, "")


def test_names_that_ustar_has_no_room_for(folder):
    for name in ("ü.cc", "n" * 150 + ".cc"):
        (folder / name).write_text("x")
        assert name in [member.name for member in members(packed(folder)[0])]


def test_writes_to_a_path(folder, tmp_path):
    digest = bundle.pack(folder, tmp_path / "app.tar")
    assert (tmp_path / "app.tar").read_bytes() == packed(folder)[0] and digest == packed(folder)[1]


def test_refuses_links(folder):
    (folder / "link.cc").symlink_to("/etc/passwd")
    with pytest.raises(InvalidInput, match="link.cc is neither a file nor a folder .links are refused; use a copy"):
        packed(folder)


def test_refuses_links_to_folders(folder):
    (folder / "up").symlink_to("..")
    with pytest.raises(InvalidInput, match="up is neither"):
        packed(folder)


def test_refuses_devices_and_fifos(folder):
    os.mkfifo(folder / "pipe")
    with pytest.raises(InvalidInput, match="pipe is neither"):
        packed(folder)


def test_refuses_too_many_bytes(folder, monkeypatch):
    monkeypatch.setattr(bundle, "BYTES_MOST", 1 << 20)
    (folder / "big").write_bytes(bytes((1 << 20) + 1))
    with pytest.raises(InvalidInput, match="is larger than 1 MiB"):
        packed(folder)


def test_refuses_too_many_files(folder, monkeypatch):
    monkeypatch.setattr(bundle, "ENTRIES_MOST", 3)
    with pytest.raises(InvalidInput, match="more than 3 files"):
        packed(folder)


def test_refuses_a_folder_without_files(tmp_path):
    with pytest.raises(InvalidInput, match="there is no file"):
        packed(tmp_path)
    with pytest.raises(InvalidInput, match="there is no such folder"):
        packed(tmp_path / "none")
