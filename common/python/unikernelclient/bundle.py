# SPDX-License-Identifier: Apache-2.0
"""Source folders as bundles: the same bytes as ``unikernel build`` sends (builder_service/sandbox/pack.cc)."""

import hashlib
import os
import pathlib
import stat
import struct
import tarfile

from unikernelclient import exceptions

SPEC_NAME = "unikernel.yaml"
BYTES_MOST = 64 << 20  # of all files; builder_service/sandbox/bundle.hh
ENTRIES_MOST = 10_000
_BLOCK = 512


def pack(folder, file):
    """Writes the folder as a tar archive to an open binary file or a path; answers its digest ("sha256:...").

    The bytes follow from names and contents alone: byte order of paths, time 0, owner 0, mode 644. They are not
    compressed: what a compressor makes changes with its version, and the digest with it. Left out: names that
    begin with a dot (version control's folders) and images (\\*.img). InvalidInput: links, devices, sizes.
    """
    if not hasattr(file, "write"):
        with open(file, "wb") as opened:
            return pack(folder, opened)
    folder = pathlib.Path(folder)
    digest, total = hashlib.sha256(), 0
    for name in _files(folder):
        content = (folder / name).read_bytes()
        total += len(content)
        if total > BYTES_MOST:
            raise exceptions.InvalidInput(f"bundle: {folder} is larger than {BYTES_MOST >> 20} MiB; leave out what the "
                                          "build does not need")
        _write(file, digest, _header(name, len(content)) + content + bytes(-len(content) % _BLOCK))
    _write(file, digest, bytes(2 * _BLOCK))
    return "sha256:" + digest.hexdigest()


def _write(file, digest, data):
    digest.update(data)
    file.write(data)


def _files(folder):
    """The relative paths of all files to pack, in byte order."""
    if not folder.is_dir():
        raise exceptions.InvalidInput(f"{folder}: there is no such folder")
    names = []
    for parent, folders, files in os.walk(folder):
        folders[:] = filter(_wanted, folders)
        for name in filter(_wanted, folders + files):
            path = pathlib.Path(parent, name)
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                names.append(str(path.relative_to(folder)))
            elif not stat.S_ISDIR(mode):
                raise exceptions.InvalidInput(f"bundle: {path} is neither a file nor a folder (links are refused; "
                                              "use a copy)")
        if len(names) > ENTRIES_MOST:
            raise exceptions.InvalidInput(f"bundle: more than {ENTRIES_MOST} files below {folder}")
    if not names:
        raise exceptions.InvalidInput(f"bundle: there is no file in {folder}")
    return sorted(names, key=os.fsencode)


def _wanted(name):
    return not name.startswith(".") and not name.endswith(".img")


def _header(name, size):
    """POSIX.1-1988 ustar, numbers as libarchive writes them; a pax header before it where the name needs one."""
    path = os.fsencode(name)
    if len(path) > 100 or not path.isascii():
        info = tarfile.TarInfo(name)
        info.size = size
        return info.tobuf(tarfile.PAX_FORMAT)
    fields = [path, b"000644 ", b"000000 ", b"000000 ", b"%011o " % size, b"00000000000 ", b" " * 8, b"0", b"",
              b"ustar\x0000", b"", b"", b"000000 ", b"000000 "]
    layout = "100s8s8s8s12s12s8s1s100s8s32s32s8s8s167x"
    fields[6] = b"%06o\0 " % sum(struct.pack(layout, *fields))
    return struct.pack(layout, *fields)
