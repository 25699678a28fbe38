# SPDX-License-Identifier: Apache-2.0
"""The Debian package that `cpack -G DEB` makes: installed, used and purged on this machine as an overlay shows it."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from world import BUILD, ROOT, run

RUN_SECONDS = 280

# All that is written goes into the test's folder; the source tree and the build folder are empty.
ENTER = '''
set -e
mount -t overlay -o "lowerdir=/,upperdir=$FOLDER/upper,workdir=$FOLDER/work" overlay "$FOLDER/root" || exit 77
mount -t proc proc "$FOLDER/root/proc"
mount --rbind /dev "$FOLDER/root/dev"
mount -t tmpfs tmpfs "$FOLDER/root/tmp"
cp "$PACKAGE" "$FOLDER/root/tmp/package.deb"
mount -t tmpfs tmpfs "$FOLDER/root$ROOT"
ip link set lo up
exec chroot "$FOLDER/root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root bash -ec "$SCRIPT"
'''
SERVICE = '''
dpkg -i /tmp/package.deb >&2
install -d -o unikernel /var/lib/unikernel   # systemd's part, as the next line is with User=
setpriv --reuid unikernel --regid unikernel --init-groups --no-new-privs \
    unikernel-builder --config /etc/unikernel/unikernel-builder.conf >&2 &
for _ in $(seq 300); do
    curl -s http://127.0.0.1:8770/v1/modules && break
    kill -0 $! || exit 1
    sleep 0.1
done
kill $!
wait $!
'''
PURGE = '''
dpkg -i /tmp/package.deb >&2
dpkg --purge unikernel-builder >&2
'''


@pytest.fixture(scope='module')
def package(tmp_path_factory):
    if shutil.which('dpkg-shlibdeps') is None:
        pytest.skip('dpkg-dev is not installed')
    folder = tmp_path_factory.mktemp('package')
    run(['cpack', '-G', 'DEB', '--config', BUILD / 'CPackConfig.cmake', '-B', folder], cwd=BUILD)
    return next(folder.glob('unikernel-builder_*.deb'))


@pytest.fixture
def inside(package):
    """inside(script): runs it in the overlay; answers its output."""
    if os.geteuid() != 0:
        pytest.skip('overlays are mounted by root')
    folder = pathlib.Path(tempfile.mkdtemp(dir='/dev/shm'))  # in memory: an overlay in a container cannot be the upper
    for name in ('upper', 'work', 'root'):
        (folder / name).mkdir()

    def enter(script):
        done = subprocess.run(['unshare', '--mount', '--net', '--pid', '--fork', '--kill-child', 'bash', '-c', ENTER],
                              env={**os.environ, 'FOLDER': str(folder), 'PACKAGE': str(package), 'ROOT': str(ROOT),
                                   'SCRIPT': script}, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
        if done.returncode == 77:
            pytest.skip(f'no overlay can be mounted here: {done.stderr.strip()}')
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    enter.written = folder / 'upper'  # all that differs from the machine; what was deleted is a character device
    yield enter
    shutil.rmtree(folder)


def test_it_names_the_libraries_and_tools_it_needs(package):
    needs = run(['dpkg-deb', '--field', package, 'Depends'])
    for name in ('libcpprest', 'libvirt0', 'libsoci-sqlite3', 'libsoci-mysql', 'bubblewrap', 'g++', 'binutils'):
        assert name in needs


def test_the_service_runs_under_its_own_account(inside):
    names = [module['name'] for module in json.loads(inside(SERVICE))['modules']]
    assert 'lwip' in names and 'http-guard' in names


def test_the_command_line_finds_its_modules(inside):
    told = inside('dpkg -i /tmp/package.deb >&2; unikernel module list --local --json')
    assert 'lwip' in told
    assert not pathlib.Path('/usr/bin/unikernel-builder').exists(), 'the machine itself stays as it was'


def test_a_purge_leaves_nothing(inside):
    inside(PURGE)
    assert [str(each) for each in inside.written.rglob('*')
            if 'unikernel' in each.name and not each.is_char_device()] == []
