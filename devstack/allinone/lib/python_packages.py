#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a directory of Python packages, as if the product's own had been installed there.

usage: python_packages.py DIRECTORY REPOSITORY

The code stays where it is (a .pth file names it), so that a restarted service runs what was just
edited; the metadata, by which the openstack client and Glance find entry points, is made by
setuptools as pip would have it made.  Needs no network.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

# What pip calls (PEP 517).
METADATA = 'import sys; from setuptools import build_meta as b; b.prepare_metadata_for_build_wheel(sys.argv[1])'
PACKAGES = ('common/python', 'nova_driver', 'glance_store')


def write_metadata(source, target):
    """Puts <name>.dist-info of the package in folder `source` into the folder `target`."""
    with tempfile.TemporaryDirectory() as scratch:
        copy, made = pathlib.Path(scratch, 'package'), pathlib.Path(scratch, 'made')
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns('__pycache__', '*.egg-info', 'build'))
        made.mkdir()
        done = subprocess.run([sys.executable, '-c', METADATA, made], cwd=copy, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f'{source}: setuptools makes no metadata of it:\n{done.stderr}')
        metadata = next(made.glob('*.dist-info'))
        (metadata / 'INSTALLER').write_text('all-in-one cloud\n')
        shutil.move(metadata, target)


def main(target, repository):
    target.mkdir(parents=True, exist_ok=True)
    sources = [repository / package for package in PACKAGES if (repository / package / 'pyproject.toml').exists()]
    newest = max(path.stat().st_mtime for source in sources for path in source.glob('*.toml'))
    names = target / 'unikernel.pth'
    wanted = ''.join(f'{source}\n' for source in sources)
    if names.exists() and names.read_text() == wanted and names.stat().st_mtime > newest:
        return
    for old in target.glob('*.dist-info'):
        shutil.rmtree(old)
    for source in sources:
        write_metadata(source, target)
    names.write_text(wanted)


if __name__ == '__main__':
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve())
