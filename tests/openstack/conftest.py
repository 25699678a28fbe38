# SPDX-License-Identifier: Apache-2.0
"""Tests on a real cloud; they run inside of it:

    devstack/allinone/cloud.sh enter python3 -m pytest -p no:cacheprovider tests/openstack

UNIKERNEL_BUILD_DIR (default: build/release) has the `unikernel` that builds their images.
"""
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE)]

INSIDE = 'OS_AUTH_URL' in os.environ
USER, PASSWORD = 'staff', 'only-for-these-tests'


# Outside of a cloud its clients need not even be installed.
collect_ignore_glob = [] if INSIDE else ['test_*.py']


def pytest_terminal_summary(terminalreporter):
    if not INSIDE:
        terminalreporter.write_line('tests/openstack: skipped: this is not the inside of a cloud; see its conftest.py')


def build(folder, name, *words):
    program = pathlib.Path(os.environ.get('UNIKERNEL_BUILD_DIR', ROOT / 'build/release')) / 'bin/unikernel'
    assert program.exists(), f'{program} is missing: build it, or set UNIKERNEL_BUILD_DIR'
    output = folder / f'{name}.img'
    subprocess.run((program, 'build', ROOT / 'examples/hello-web', '--local', '--quiet', '--no-boot-check',
                    '--state', folder / 'state', '--output', output, *words),
                   check=True, timeout=600, env={**os.environ, 'STAFF_PASSWORD': PASSWORD})
    return output


@pytest.fixture(scope='session', name='builds')
def fixture_builds(tmp_path_factory):
    return tmp_path_factory.mktemp('builds')


@pytest.fixture(scope='session', name='plain_file')
def fixture_plain_file(builds):
    """The artifact of examples/hello-web: every page is open."""
    return build(builds, 'hello-web')


@pytest.fixture(scope='session', name='guarded_file')
def fixture_guarded_file(builds):
    """... under the requirement staff-only: /private asks for credentials."""
    return build(builds, 'hello-web-guarded', '--requirement', ROOT / 'examples/requirements/staff-only.yaml')


@pytest.fixture(scope='session', name='shared_bench')
def fixture_shared_bench():
    import servers  # pylint: disable=import-outside-toplevel
    bench = servers.Workbench()
    yield bench
    bench.close()


@pytest.fixture(scope='session', name='plain')
def fixture_plain(shared_bench, plain_file):
    """Glance image of plain_file."""
    return shared_bench.image(plain_file)


@pytest.fixture(scope='session', name='guarded')
def fixture_guarded(shared_bench, guarded_file):
    return shared_bench.image(guarded_file)


@pytest.fixture(name='bench')
def fixture_bench():
    """A servers.Workbench; what a test makes with it is gone afterwards."""
    import servers  # pylint: disable=import-outside-toplevel
    bench = servers.Workbench()
    yield bench
    bench.close()


@pytest.fixture(name='user')
def fixture_user():
    """A Workbench of an ordinary user's, who may keep requirements as well, in a project of his own."""
    import servers  # pylint: disable=import-outside-toplevel
    import services  # pylint: disable=import-outside-toplevel
    someone = services.Someone(('member', 'manager'))
    bench = servers.Workbench(someone.connect())
    yield bench
    bench.close()
    someone.close()


@pytest.fixture(name='builder')
def fixture_builder(user):
    """The builder's client of that user."""
    from unikernelclient.client import Client  # pylint: disable=import-outside-toplevel
    return Client(user.connection.session, region_name='RegionOne')
