# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of doc/source/install/packages.rst, all of them and in their order, on this machine's own Debian
with folders of the test for what they write. Beyond the machine: apt-get, systemctl, openstack, curl, glance-manage;
compiling is left out."""
import os
import re
import shutil
import subprocess

import pytest

from world import BUILD, COPIED_FROM_ETC, GLANCE_IS_HERE, NOVA_IS_HERE, PACKAGES, TESTS, ROOT, World, product_repository

EDGES = ('apt-get', 'cmake', 'curl', 'glance-manage', 'openstack', 'systemctl')
DOCUMENT = ROOT / 'doc/source/install/packages.rst'
RUN_SECONDS = 280

pytestmark = [
    pytest.mark.skipif(shutil.which('bwrap') is None, reason='bwrap is not installed'),
    pytest.mark.skipif(os.geteuid() != 0, reason='the commands are those of root'),
    pytest.mark.skipif(not (NOVA_IS_HERE and GLANCE_IS_HERE), reason='nova and glance are not installed'),
    pytest.mark.skipif(subprocess.run(['/usr/bin/python3', '-m', 'pip', '--version'], capture_output=True,
                                      check=False).returncode != 0, reason='python3-pip is not installed'),
]


def commands():
    """The document's commands, as one script for each section."""
    sections = re.split(r'^(\w.*)\n=+\n', DOCUMENT.read_text(), flags=re.M)
    found = {}
    for title, text in zip(sections[1::2], sections[2::2]):
        text = re.sub(r'\.\. code-block:: ini\n\n(?: +.*\n|\n)+', '', text)
        found[title] = '\n'.join(line[4:] for line in text.splitlines() if line.startswith('    '))
    return {title: script for title, script in found.items() if script}


class Machine:
    """This machine, where commands write into folders of a test."""

    def __init__(self, folder):
        self.folder = folder
        for name in ('local/bin', 'local/lib', 'local/share', 'records', 'edges', 'etc'):
            (folder / name).mkdir(parents=True)
        for name in (*COPIED_FROM_ETC, 'shadow', 'gshadow'):
            World.copy(os.path.join('/etc', name), folder / 'etc' / name)
        for name in EDGES:
            (folder / 'edges' / name).symlink_to(TESTS / 'edges.py')
        shutil.copytree(product_repository(), folder / 'product', symlinks=True)
        (folder / 'product/build').mkdir()
        (folder / 'product/build/release').symlink_to(BUILD)
        shutil.copytree(PACKAGES / 'nova/virt', folder / 'virt', symlinks=True)
        cache = os.path.join(os.environ.get('XDG_CACHE_HOME', os.path.expanduser('~/.cache')), 'unikernel/sources')
        shutil.copytree(cache, folder / 'sources', symlinks=True)

    def run(self, script):
        folder = self.folder
        command = ['bwrap', '--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--unshare-net', '--unshare-pid',
                   '--tmpfs', '/tmp', '--tmpfs', '/var/cache', '--bind', folder / 'sources',
                   '/var/cache/unikernel/sources', '--bind', folder / 'local', '/usr/local', '--bind', folder / 'etc',
                   '/etc', '--bind', folder / 'virt', PACKAGES / 'nova/virt', '--bind', folder, folder,
                   '--ro-bind', ROOT, ROOT, '--bind', BUILD, BUILD,
                   '--chdir', folder / 'product', 'bash', '-e', '-c', script]
        environment = {'PATH': f'{folder}/edges:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/tmp',
                       'LC_ALL': 'C.UTF-8', 'RECORDS': str(folder / 'records'), 'UNIKERNEL_BUILD_DIR': str(BUILD),
                       'PIP_NO_INDEX': '1', 'PIP_ROOT_USER_ACTION': 'ignore'}
        return subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True,
                              timeout=RUN_SECONDS, check=False)


@pytest.fixture(scope='module')
def machine(tmp_path_factory):
    return Machine(tmp_path_factory.mktemp('machine'))


def test_the_document_has_the_sections_that_are_run_here():
    assert list(commands()) == ['The builder', 'Nova', 'Glance', 'The client', 'Check', 'Remove',
                                'The builder as a package']


def test_every_section_runs_and_removal_leaves_nothing(machine):
    for title, script in commands().items():
        if title == 'Remove':
            assert (machine.folder / 'local/bin/unikernel-builder').exists()
            assert (machine.folder / 'virt/unikernel').is_symlink()
        done = machine.run(script)
        assert done.returncode == 0, f'{title}:\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}'
    left = [path for path in machine.folder.joinpath('local').rglob('*') if path.is_file() and '__pycache__' not in
            path.parts]
    assert left == []
    assert not (machine.folder / 'virt/unikernel').is_symlink()


def test_the_account_is_made_with_its_configuration(machine):
    users = (machine.folder / 'etc/passwd').read_text()
    assert re.search(r'^unikernel:x:\d+:\d+:Unikernel builder:/var/lib/unikernel:/usr/sbin/nologin$', users, re.M)
    folder = machine.folder / 'etc/unikernel'
    assert folder.stat().st_mode & 0o777 == 0o750 and folder.stat().st_uid != 0
