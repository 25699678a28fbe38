# SPDX-License-Identifier: Apache-2.0
"""The baseline: Debian's cloud kernel and an initramfs that holds the same application.

The kernel package is downloaded with apt and unpacked into a cache, never installed. The
initramfs holds three things: the drivers that virtio-net needs, init.c and the
application, linked statically from the same sources with the same optimisation.
"""

import os
import re
import shutil
import tempfile
from pathlib import Path

from command import CommandFailed, cache_folder, run
from guest import Bootable

_PACKAGE = "linux-image-cloud-amd64"
_DRIVERS = ("virtio_pci", "virtio_net")
_COMMAND_LINE = "console=ttyS0 quiet panic=-1"
_HERE = Path(__file__).resolve().parent


def _unpacked_kernel() -> Path:
    """Folder with boot/ and lib/ of the newest cloud kernel the machine's sources offer."""
    depends = run(["apt-cache", "depends", "--important", _PACKAGE])
    names = re.findall(r"Depends: (linux-image-\S+-cloud-amd64)", depends)
    if not names:
        raise CommandFailed(f"{_PACKAGE} is in none of this machine's package sources; run apt-get update")
    version = run(["apt-cache", "show", "--no-all-versions", names[0]])
    version = re.search(r"^Version: (\S+)", version, re.MULTILINE).group(1)
    target = cache_folder() / "bench" / f"{names[0]}_{version}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        # Sandboxing is switched off because the user _apt cannot write into the cache.
        run(["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", f"{names[0]}={version}"],
            timeout=600, cwd=Path(scratch))
        package = next(Path(scratch).glob("*.deb"))
        run(["dpkg-deb", "-x", package, Path(scratch) / "root"])
        os.rename(Path(scratch) / "root", target)  # complete or not there
    return target


def _with_dependencies(modules: Path, wanted: tuple[str, ...]) -> list[Path]:
    """The driver files in the order they must be loaded, read from their own `depends=`
    (the package has no modules.dep; depmod writes that at installation)."""
    files = {path.stem.replace("-", "_"): path for path in modules.rglob("*.ko")}
    ordered: list[Path] = []

    def add(name: str) -> None:
        path = files.get(name.replace("-", "_"))
        if path is None or path in ordered:  # built in, or done
            return
        found = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for dependency in found.group(1).decode().split(",") if found else ():
            if dependency:
                add(dependency)
        ordered.append(path)

    for name in wanted:
        add(name)
    return ordered


def compile_application(sources: list[Path], output: Path) -> None:
    """The application as a Linux program: Debian's g++, -O2, static, stripped."""
    run(["g++", "-std=c++20", "-O2", "-static", "-pthread", "-s", "-o", output, *sources])


def build(application: Path, work: Path, options: str = "") -> Bootable:
    """Kernel and initramfs with `application` (a static program). Files are made in `work`.
    `options` are added to the command line."""
    unpacked = _unpacked_kernel()
    kernel = next((unpacked / "boot").glob("vmlinuz-*"))
    drivers = _with_dependencies(next((unpacked / "lib/modules").iterdir()), _DRIVERS)

    root = work / "initramfs"
    shutil.rmtree(root, ignore_errors=True)
    (root / "modules").mkdir(parents=True)
    (root / "proc").mkdir()
    for number, path in enumerate(drivers):
        shutil.copy(path, root / "modules" / f"{number:02}-{path.name}")
    run(["gcc", "-static", "-Os", "-s", "-Wall", "-Werror", "-o", root / "init", _HERE / "init.c"])
    shutil.copy(application, root / "app")

    initrd = work / "initrd.zst"
    run(["sh", "-c", 'cd "$1" && find . | LC_ALL=C sort'
         ' | cpio --quiet --reproducible -o -H newc -R 0:0 | zstd -q -19 -f -o "$2"',
         "initramfs", root, initrd])
    return Bootable("linux", kernel, initrd, f"{_COMMAND_LINE} {options}".strip(), memory_mib=256)
