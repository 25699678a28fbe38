# SPDX-License-Identifier: Apache-2.0
"""Source bundles, good and bad."""
import gzip
import io
import pathlib
import tarfile

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / 'examples'
HELLO = EXAMPLES / 'hello-world'


def hello(**changes):
    """examples/hello-world as tar.gz. changes: other texts of files, by name without suffix."""
    files = {path.name: changes.get(path.stem, path.read_text()).encode() for path in sorted(HELLO.iterdir())}
    return packed(lambda archive: [add(archive, name, data) for name, data in files.items()])


def packed(fill):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w:gz', compresslevel=1) as archive:
        fill(archive)
    return out.getvalue()


def add(archive, name, data=b'', kind=tarfile.REGTYPE, target=''):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, len(data)
    archive.addfile(info, io.BytesIO(data))


def with_entry(*entry, **options):
    """hello-world and one entry more."""
    def fill(archive):
        for path in sorted(HELLO.iterdir()):
            add(archive, path.name, path.read_bytes())
        add(archive, *entry, **options)
    return packed(fill)


def with_many_entries(number):
    """hello-world and empty files."""
    def fill(archive):
        for path in sorted(HELLO.iterdir()):
            add(archive, path.name, path.read_bytes())
        for n in range(number):
            add(archive, f'empty/{n}')
    return packed(fill)


def bomb(mebibytes):
    """hello-world and a file of zeros that is a thousandth as large when it travels."""
    header = tarfile.TarInfo('zeros')
    header.size = mebibytes << 20
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode='wb', compresslevel=1) as stream:
        for path in sorted(HELLO.iterdir()):
            data = path.read_bytes()
            info = tarfile.TarInfo(path.name)
            info.size = len(data)
            stream.write(info.tobuf() + data + bytes(-len(data) % 512))
        stream.write(header.tobuf())
        for _ in range(mebibytes):
            stream.write(bytes(1 << 20))
        stream.write(bytes(1024))
    return out.getvalue()
