# SPDX-License-Identifier: Apache-2.0
"""The large baseline: a Debian as mmdebstrap makes it, with systemd, and the application as its service.

Made once and kept in the cache, for it takes minutes.  The kernel and the initial RAM disk are those
that Debian's packages install; they are started directly, which spares the machine a boot loader.
"""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from command import CommandFailed, cache_folder, run
from laboratory import say

_SUITE = "bookworm"
_PACKAGES = "systemd-sysv,udev,dbus,linux-image-cloud-amd64,initramfs-tools,openssh-server,ca-certificates"
_DISK = "1G"
COMMAND_LINE = "root=/dev/vda rw console=ttyS0 quiet"

_FILES = {
    "etc/systemd/network/any.network": "[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n",
    "etc/systemd/system/hello-web.service":
        "[Unit]\nAfter=network.target\n[Service]\nExecStart=/usr/local/bin/hello-web\n"
        "[Install]\nWantedBy=multi-user.target\n",
    "etc/fstab": "/dev/vda / ext4 defaults 0 1\n",
    "etc/hostname": "debian\n",
}


def build(application: Path) -> dict[str, Path]:
    """{"kernel", "ramdisk", "disk"} of a Debian that serves `application`, a static program."""
    recipe = repr((_SUITE, _PACKAGES, _DISK, sorted(_FILES.items()))).encode() + application.read_bytes()
    target = cache_folder() / "bench" / f"debian-{hashlib.sha256(recipe).hexdigest()[:16]}"
    if not target.is_dir():
        say(f"making a Debian {_SUITE} with systemd, which takes minutes; it is kept in {target}")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            _make(application, Path(scratch))
            os.rename(Path(scratch) / "finished", target)  # complete or not there
    return {part: target / part for part in ("kernel", "ramdisk", "disk")}


def _make(application: Path, scratch: Path) -> None:
    if os.getuid() != 0:
        raise CommandFailed("a root file system with its owners can be made by root alone")
    root, finished = scratch / "root", scratch / "finished"
    finished.mkdir()
    run(["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={_PACKAGES}", _SUITE, root], timeout=1800)
    for name, text in _FILES.items():
        (root / name).write_text(text, encoding="ascii")
    shutil.copy(application, root / "usr/local/bin/hello-web")
    run(["chroot", root, "systemctl", "enable", "systemd-networkd", "hello-web"])
    shutil.copy(next((root / "boot").glob("vmlinuz-*")), finished / "kernel")
    shutil.copy(next((root / "boot").glob("initrd.img-*")), finished / "ramdisk")
    # A file system straight from the folder: no loop device, no mount.
    run(["mke2fs", "-q", "-t", "ext4", "-d", root, scratch / "disk.raw", _DISK], timeout=600)
    run(["qemu-img", "convert", "-O", "qcow2", scratch / "disk.raw", finished / "disk"], timeout=600)
