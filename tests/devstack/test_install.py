# SPDX-License-Identifier: Apache-2.0
"""`cmake --install`: what it brings works without the source tree and the build folder."""
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('UNIKERNEL_BUILD_DIR', ROOT / 'build/release')).resolve()
BUILD_SECONDS = 280  # all of the platform is compiled once
START_SECONDS = 30


class Installed:
    """A prefix, and commands that run where the source tree and the build folder are empty."""

    def __init__(self, prefix, home):
        self.prefix = prefix
        folders = [ROOT] if BUILD.is_relative_to(ROOT) else [ROOT, BUILD]
        hidden = [word for folder in folders for word in ('--tmpfs', str(folder))]
        self.hide = ['bwrap', '--dev-bind', '/', '/', *hidden, '--die-with-parent', '--chdir', '/', '--']
        self.environment = {'PATH': f'{prefix}/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': str(home),
                            'XDG_CACHE_HOME': os.environ.get('XDG_CACHE_HOME', os.path.expanduser('~/.cache'))}

    def run(self, *words, seconds=60):
        return subprocess.run([*self.hide, *map(str, words)], env=self.environment, capture_output=True, text=True,
                              timeout=seconds, stdin=subprocess.DEVNULL, check=False)

    def start(self, *words):
        return subprocess.Popen([*self.hide, *map(str, words)], env=self.environment, stdin=subprocess.DEVNULL)


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    if shutil.which('bwrap') is None:
        pytest.skip('bwrap is not installed')
    folder = tmp_path_factory.mktemp('installed')
    done = subprocess.run(['cmake', '--install', BUILD, '--prefix', folder / 'prefix'], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    (folder / 'home').mkdir()
    return Installed(folder / 'prefix', folder / 'home')


def test_the_source_tree_is_hidden(installed):
    assert installed.run('ls', ROOT).stdout == ''


def test_only_data_is_installed_beside_the_programs(installed):
    data = installed.prefix / 'share/os-unikernel'
    assert (data / 'platforms/u0/core/boot.cc').exists()
    assert (data / 'platforms/u0/sources.yaml').exists()
    assert not list(data.glob('platforms/*.cc')) and not list(data.glob('platforms/u0/*.hh'))
    assert not list(data.rglob('CMakeLists.txt'))
    source = ROOT / 'builder_service/modules'
    for manifest in source.glob('*/module.yaml'):
        assert (data / 'modules' / manifest.relative_to(source)).exists()
    assert sorted(path.name for path in (installed.prefix / 'bin').iterdir()) == [
        'unikernel', 'unikernel-builder', 'unikernel-fetch-sources']


def test_the_doctor_finds_the_installed_modules_and_the_installed_script(installed, tmp_path):
    checks = {check['name']: check for check in json.loads(
        installed.run('env', f'XDG_CACHE_HOME={tmp_path}', 'unikernel', 'doctor', '--json', seconds=120).stdout)}
    assert checks['modules']['detail'] == f'{installed.prefix}/share/os-unikernel/modules'
    assert checks['sources']['fix'] == \
        f'{installed.prefix}/bin/unikernel-fetch-sources --cache {tmp_path}/unikernel/sources'


def test_the_installed_script_reads_the_installed_list_of_sources(installed, tmp_path):
    answer = installed.run('unikernel-fetch-sources', '--cache', tmp_path, '--from', '/nowhere')
    assert answer.returncode == 1 and answer.stderr == 'unikernel-fetch-sources: --from /nowhere: no such directory\n'
    assert f'{installed.prefix}/share/os-unikernel/platforms/u0/sources.yaml' in installed.run(
        'unikernel-fetch-sources', '--help').stdout
    there = installed.run('unikernel-fetch-sources')  # the tests' own cache, filled before: no network
    assert there.returncode == 0 and '/lwip-' in there.stdout


def test_the_command_line_builds_an_example(installed, tmp_path):
    image = tmp_path / 'hello.img'
    done = installed.run('unikernel', 'build', installed.prefix / 'share/os-unikernel/examples/hello-world', '--local',
                         '--no-boot-check', '--output', image, '--state', tmp_path / 'state', seconds=BUILD_SECONDS)
    assert done.returncode == 0, done.stderr
    assert image.read_bytes()[:4] == b'\x7fELF'


def test_the_service_starts_and_knows_its_modules(installed, tmp_path):
    port_file = tmp_path / 'port'
    service = installed.start('unikernel-builder', '--listen', '127.0.0.1:0', '--port-file', port_file,
                              '--state', tmp_path / 'state', '--cache', tmp_path / 'cache', '--disk-reserve', 0)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not port_file.exists():
            assert service.poll() is None and time.monotonic() < deadline, 'the service did not start'
            time.sleep(0.05)
        with contextlib.closing(http.client.HTTPConnection('127.0.0.1', int(port_file.read_text()))) as connection:
            connection.request('GET', '/v1/modules')
            names = [module['name'] for module in json.loads(connection.getresponse().read())['modules']]
        assert 'http-guard' in names and 'lwip' in names
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(30)
