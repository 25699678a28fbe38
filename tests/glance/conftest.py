# SPDX-License-Identifier: Apache-2.0
"""A real Keystone, a real glance-api with the plugin and the store, and the real builder behind it."""
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / 'cloud'), str(HERE.parent / 'service')]

import glance_process  # noqa: E402
import keystone_process  # noqa: E402
from people import Person  # noqa: E402
from service_process import Service  # noqa: E402


@pytest.fixture(scope='session')
def site(tmp_path_factory):
    """A folder with the packages as an installation makes them, entry points included."""
    folder = tmp_path_factory.mktemp('site')
    for package in ('common/python', 'glance_store'):
        source = tmp_path_factory.mktemp('source') / 'package'
        shutil.copytree(ROOT / package, source, ignore=shutil.ignore_patterns('*.egg-info', 'build', '__pycache__'))
        subprocess.run([sys.executable, '-m', 'pip', 'install', '--quiet', '--no-index', '--no-deps',
                        '--no-build-isolation', '--root-user-action=ignore', '--target', folder, source], check=True)
    return folder


@pytest.fixture(scope='session')
def keystone(tmp_path_factory):
    keystone_process.skip_unless_installed()
    glance_process.skip_unless_installed()
    process = keystone_process.Keystone(tmp_path_factory.mktemp('keystone')).start()
    yield process
    process.stop()


@pytest.fixture(scope='session')
def builder(keystone, tmp_path_factory):
    """The real service, which asks Keystone who calls."""
    folder = tmp_path_factory.mktemp('builder')
    keystone.add_user('unikernel', 'service', ('admin', 'service'))
    configuration = folder / 'unikernel-builder.conf'
    account = keystone.auth_options('unikernel', 'service')
    configuration.write_text('\n'.join([
        'identity = keystone', '[keystone_authtoken]', 'auth_type = password', f'www_authenticate_uri = {keystone.url}',
        'service_token_roles = service', *(f'{name} = {value}' for name, value in account.items())]) + '\n')
    service = Service(folder, '--config', configuration, '--workers', '1', name='unikernel-builder').start()
    keystone.add_service('unikernel', 'unikernel', f'http://127.0.0.1:{service.port}')
    yield service
    if service.process.poll() is None:
        service.stop()


@pytest.fixture(scope='session')
def glance(keystone, builder, site, tmp_path_factory):
    process = glance_process.Glance(tmp_path_factory.mktemp('glance'), keystone, site,
                                    builder='unavailable_timeout = 2').start()
    yield process
    process.stop()


@pytest.fixture(scope='session')
def alice(keystone, glance, site):
    return Person(keystone, glance, site, 'alice', 'red')


@pytest.fixture(scope='session')
def bob(keystone, glance, site):
    return Person(keystone, glance, site, 'bob', 'blue')
