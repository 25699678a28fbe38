#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a small ordinary Linux VM: Debian's cloud kernel, and an initial RAM disk with busybox.

usage: linux_image.py DIRECTORY [PROGRAM]
writes DIRECTORY/{kernel,ramdisk,disk}.  The guest asks for its address by DHCP and runs PROGRAM, a
statically linked file; without one busybox answers HTTP on port 80.  Both packages are fetched by
apt from the machine's own mirror and unpacked, not installed.
"""
import gzip
import pathlib
import re
import stat
import subprocess
import sys
import tempfile

DRIVERS = ('virtio_pci', 'virtio_net', 'af_packet')
DISK_SIZE = 1 << 20  # bytes; the guest lives in its RAM disk

INIT = '''#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for driver in /drivers/*; do insmod "$driver"; done
ip link set lo up
ip link set eth0 up
udhcpc -q -T 1 -A 1 -i eth0 -s /configure || echo "linux: no address"
if [ -x /program ]; then
    /program
else
    mkdir -p /www && echo "an ordinary server" >/www/index.html
    httpd -p 80 -h /www && echo "linux: ready"
fi
while :; do sleep 3600; done
'''

CONFIGURE = '''#!/bin/busybox sh
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" dev "$interface"
[ -z "$router" ] || ip route add default via "$router"
echo "linux: address $ip/$mask"
'''


def run(command, cwd=None):
    return subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True, timeout=600).stdout


def fetch(package, directory):
    """Unpacks `package` into `directory`; it may be a package that depends on the one for the newest kernel."""
    depends = re.findall(r'Depends: (linux-image-\S+)', run(['apt-cache', 'depends', '--important', package]))
    with tempfile.TemporaryDirectory() as scratch:
        run(['apt-get', 'download', '-q', '-o', 'APT::Sandbox::User=root', *(depends[:1] or [package])], cwd=scratch)
        run(['dpkg-deb', '--extract', next(pathlib.Path(scratch).glob('*.deb')), directory])


def in_order(modules, wanted):
    """Module files, each after those it depends on; what is built into the kernel has none."""
    files = {path.stem.replace('-', '_'): path for path in modules.rglob('*.ko')}
    ordered = []

    def add(name):
        path = files.get(name.replace('-', '_'))
        if path is None or path in ordered:
            return
        found = re.search(rb'\0depends=([^\0]*)\0', path.read_bytes())
        for dependency in filter(None, found.group(1).decode().split(',') if found else ()):
            add(dependency)
        ordered.append(path)

    for name in wanted:
        add(name)
    return ordered


def archive(entries):
    """A cpio archive in format "newc" (Linux: Documentation/driver-api/early-userspace/buffer-format.rst)."""
    out = bytearray()
    for number, (name, mode, data) in enumerate([*entries, ('TRAILER!!!', 0, b'')], 1):
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        out += b'070701' + ''.join(f'{field:08x}' for field in fields).encode() + name.encode() + b'\0'
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return bytes(out)


def main(target, served=None):
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch)
        fetch('linux-image-cloud-amd64', root)
        fetch('busybox-static', root)
        program, directory = stat.S_IFREG | 0o755, stat.S_IFDIR | 0o755
        entries = [(name, directory, b'') for name in ('bin', 'dev', 'drivers', 'proc', 'sys')]
        entries += [('init', program, INIT.encode()), ('configure', program, CONFIGURE.encode()),
                    ('bin/busybox', program, (root / 'bin/busybox').read_bytes())]
        entries += [('program', program, served.read_bytes())] if served else []
        for number, path in enumerate(in_order(next((root / 'lib/modules').iterdir()), DRIVERS)):
            entries.append((f'drivers/{number:02}-{path.name}', program, path.read_bytes()))
        (target / 'ramdisk').write_bytes(gzip.compress(archive(entries), mtime=0))
        (target / 'kernel').write_bytes(next((root / 'boot').glob('vmlinuz-*')).read_bytes())
    (target / 'disk').write_bytes(bytes(DISK_SIZE))


if __name__ == '__main__':
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*map(pathlib.Path, sys.argv[1:]))
