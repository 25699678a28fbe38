# SPDX-License-Identifier: Apache-2.0
"""DevStack's phases over the plugin, twice: over stand-ins for DevStack's functions, and over DevStack's own where
the environment variable DEVSTACK_DIR names a checkout (git clone https://opendev.org/openstack/devstack)."""
import configparser
import json
import os
import pathlib
import re
import shutil

import pytest

from world import GLANCE_IS_HERE, NOVA_IS_HERE, STACK, World

DEVSTACK_DIR = os.environ.get('DEVSTACK_DIR')
needs_nova = pytest.mark.skipif(not NOVA_IS_HERE, reason='python3-nova is not installed')
needs_glance = pytest.mark.skipif(not GLANCE_IS_HERE, reason='glance and glance_store are not installed')


@pytest.fixture(scope='module', params=['stand-ins', 'DevStack'])
def devstack(request):
    """The checkout that worlds are made with."""
    if shutil.which('bwrap') is None:
        pytest.skip('bwrap is not installed')
    if request.param == 'stand-ins':
        return None
    if not DEVSTACK_DIR:
        pytest.skip('DEVSTACK_DIR names no checkout of DevStack')
    return pathlib.Path(DEVSTACK_DIR)


# The service as its unit starts it, until it answers a question: with the file that the plugin wrote, and no Keystone.
ASK = '''
unit=/etc/systemd/system/devstack@unikernel-builder.service
$(sed -n 's/^ExecStart *= *//p' $unit) >&2 &
for _ in $(seq 300); do
    /usr/bin/curl -s "$@" http://127.0.0.1:8770/ && break
    kill -0 $! || exit 1
    sleep 0.1
done
kill $!
wait $!
'''


class Stacked:
    """A world that was stacked twice, unstacked and cleaned twice, with what it held after each time."""

    def __init__(self, world):
        self.world = world
        self.before = world.files()
        world.copy_sources()
        self.first, self.first_calls, self.first_files = self._run(*STACK)
        self.functions = (world.records / 'functions').read_text().splitlines()
        self.mode = (world.etc / 'unikernel/unikernel-builder.conf').stat().st_mode & 0o777
        self.second, self.second_calls, self.second_files = self._run(*STACK)
        self.asked = world.run('bash', '-c', ASK)
        _, self.unstack_calls, _ = self._run('unstack:')
        self.cleaned = [self._run('clean:')[2] for _ in range(2)]

    def _run(self, *phases):
        done = self.world.phases(*phases)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
        return done, self.world.calls(), self.world.files()

    def openstack(self):
        """Commands to Keystone, Nova and Glance, without the cloud's name."""
        return [' '.join(words[3:] if words[1] == '--os-cloud' else words[1:])
                for words in self.first_calls if words[0] == 'openstack']


@pytest.fixture(scope='module')
def stacked(devstack, tmp_path_factory):
    return Stacked(World(tmp_path_factory.mktemp('plain'), devstack))


def changed(before, after):
    """Names only: the files are large."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def conf(files, name):
    parser = configparser.RawConfigParser(strict=True)
    parser.read_string('[top]\n' + files[name].decode())
    return parser


def test_a_second_stack_changes_no_file_and_creates_nothing(stacked):
    assert changed(stacked.first_files, stacked.second_files) == []
    assert not [words for words in stacked.second_calls if words[0] == 'openstack' and 'create' in words
                and '--or-show' not in words]


def test_a_second_stack_compiles_nothing(stacked):
    assert [words[1] for words in stacked.first_calls if words[0] == 'cmake'] == ['-S', '--build', '--install']
    assert not [words for words in stacked.second_calls if words[0] == 'cmake']
    assert 'is installed already' in stacked.second.stdout


def test_it_builds_outside_of_the_repository(stacked):
    configure = next(words for words in stacked.first_calls if words[:2] == ['cmake', '-S'])
    assert configure[2:5] == ['/opt/stack/os-unikernel', '-B', '/opt/stack/data/unikernel/build']


def test_the_service_runs_from_its_installation(stacked):
    unit = conf(stacked.first_files, 'etc/systemd/system/devstack@unikernel-builder.service')
    assert unit['Service']['ExecStart'] == ('/opt/stack/data/unikernel/install/bin/unikernel-builder '
                                            '--config /etc/unikernel/unikernel-builder.conf')
    assert any(words[0] == 'systemctl' and words[1] == 'start' for words in stacked.first_calls)
    assert any(words[0] == 'curl' and words[-1].endswith(':8770/healthcheck') for words in stacked.first_calls)


def test_the_service_is_in_the_catalogue(stacked):
    commands = stacked.openstack()
    assert any(command.startswith('user create unikernel') for command in commands)
    assert any(command.startswith('role add service --user') for command in commands)
    assert any(command.startswith('role add admin --user') for command in commands)
    assert any(command.startswith('service create unikernel --name unikernel') for command in commands)
    for interface in ('public', 'internal', 'admin'):
        assert any(command.startswith(f'endpoint create unikernel {interface} http://127.0.0.1:8770 --region RegionOne')
                   for command in commands), commands


def test_the_configuration_holds_a_password_and_is_its_owners_alone(stacked):
    assert stacked.mode == 0o600
    read = conf(stacked.first_files, 'etc/unikernel/unikernel-builder.conf')
    assert read['top']['identity'] == 'keystone' and read['top']['listen'] == '0.0.0.0:8770'
    assert read['top']['public-url'] == 'http://127.0.0.1:8770'
    networks = read['reconcile']['probe_networks'].split(',')
    assert len(networks) == 2 and all(re.fullmatch(r'[0-9.]+/[0-9]+', network) for network in networks)
    token = read['keystone_authtoken']
    assert token['username'] == 'unikernel' and token['service_type'] == 'unikernel'
    assert 'cafile' not in token, 'DevStack makes no such file without TLS, and the builder would not start'
    assert token['service_token_roles_required'] == 'True' and token['region_name'] == 'RegionOne'


def test_the_service_takes_the_configuration_and_names_its_public_address(stacked):
    assert stacked.asked.returncode == 0, stacked.asked.stderr
    version = json.loads(stacked.asked.stdout)['versions'][0]
    assert version['links'][0]['href'] == 'http://127.0.0.1:8770/v1/'


@needs_nova
def test_nova_gets_the_driver_and_keeps_the_rest(stacked):
    assert conf(stacked.first_files, 'etc/nova/nova.conf')['DEFAULT']['compute_driver'] == 'unikernel.UnikernelDriver'
    assert stacked.first_files['stack/nova/nova/virt/unikernel'] == (
        '-> /opt/stack/os-unikernel/nova_driver/shim/nova/virt/unikernel')


@needs_glance
def test_glance_gets_the_import_plugin_and_an_account_to_call_the_builder(stacked):
    imports = conf(stacked.first_files, 'etc/glance/glance-image-import.conf')['image_import_opts']
    assert imports['image_import_plugins'] == '[unikernel_build]'
    section = conf(stacked.first_files, 'etc/glance/glance-api.conf')['unikernel']
    assert section['username'] == 'glance' and section['auth_type'] == 'password'
    assert 'enabled_backends' not in stacked.first_files['etc/glance/glance-api.conf'].decode()
    load = next(words for words in stacked.first_calls if words[0] == 'glance-manage')
    assert load[-2:] == ['db_load_metadefs', '/opt/stack/os-unikernel/devstack/files/metadefs']
    assert any(command.startswith('unikernel build create --spec /opt/stack/os-unikernel/examples/hello-web --wait')
               for command in stacked.openstack())


def test_the_store_comes_beside_others_and_other_plugins_stay(devstack, tmp_path):
    world = World(tmp_path / 'world', devstack, services=['g-api'],
                  settings={'UNIKERNEL_GLANCE_STORE': 'True', 'GLANCE_ENABLE_MULTIPLE_STORES': 'True'})
    (world.etc / 'glance/glance-api.conf').write_text('[DEFAULT]\nenabled_backends = fast:file\n')
    (world.etc / 'glance/glance-image-import.conf').write_text(
        "[image_import_opts]\nimage_import_plugins = ['image_conversion']\n")
    for _ in range(2):
        done = world.phases('stack:pre-install', 'stack:post-config')
        assert done.returncode == 0, done.stderr[-3000:]
        files = world.files()
        assert conf(files, 'etc/glance/glance-api.conf')['DEFAULT']['enabled_backends'] == 'fast:file,builder:unikernel'
        imports = conf(files, 'etc/glance/glance-image-import.conf')['image_import_opts']
        assert imports['image_import_plugins'] == '[unikernel_build,image_conversion]'


@pytest.mark.parametrize('server', ['mariadb', 'mysql'])
def test_the_tables_are_in_devstacks_database_if_that_is_mariadb(devstack, tmp_path, server):
    if devstack:
        pytest.skip('needs a server; the stand-ins show what is asked of DevStack')
    world = World(tmp_path / 'world', services=['mysql', 'unikernel-builder'],
                  settings={'MYSQL_SERVICE_NAME': server})
    done = world.phases('stack:pre-install', 'stack:post-config')
    assert done.returncode == 0, done.stderr[-3000:]
    made = world.records / 'databases'
    read = conf(world.files(), 'etc/unikernel/unikernel-builder.conf')
    if server == 'mariadb':
        assert made.read_text() == 'recreate_database unikernel\n'
        assert read['database']['connection'] == 'mysql+pymysql://root:secret@127.0.0.1/unikernel?charset=utf8'
    else:
        assert not made.exists()
        assert not read.has_section('database')


def test_the_store_alone_is_refused(devstack, tmp_path):
    world = World(tmp_path / 'world', devstack, services=[], settings={'UNIKERNEL_GLANCE_STORE': 'True'})
    assert 'set GLANCE_ENABLE_MULTIPLE_STORES=True' in refused(world, 'stack:pre-install')


def test_flavors_are_made_with_all_their_properties(stacked):
    creates = [command for command in stacked.openstack() if command.startswith('flavor create')]
    assert ('flavor create --vcpus 1 --ram 32 --disk 1 --property resources:MEMORY_MB=96 '
            '--property resources:DISK_GB=0 u1.nano') in creates
    assert [command.split()[-1] for command in creates] == ['u1.nano', 'u1.micro', 'u1.small']


def test_tempest_is_told(stacked):
    assert conf(stacked.first_files, 'stack/tempest/etc/tempest.conf')['service_available']['unikernel'] == 'True'


def test_every_function_has_the_products_name(stacked):
    assert len(stacked.functions) > 10
    assert [name for name in stacked.functions if not re.match(r'declare -f _?unikernel_', name)] == []


def test_unstack_stops_the_service_and_clean_leaves_nothing(stacked):
    assert ['systemctl', 'stop', 'devstack@unikernel-builder.service'] in stacked.unstack_calls
    # clean.sh itself removes these after the phase.
    gone = ('etc/nova/', 'etc/glance/', 'etc/systemd/system/devstack@', 'stack/tempest/')
    for files in stacked.cleaned:
        assert [name for name in changed(stacked.before, files) if not name.startswith(gone)] == []


def test_behind_a_tls_proxy_it_listens_on_loopback(devstack, tmp_path):
    world = World(tmp_path / 'world', devstack, services=['tls-proxy'])
    (world.stack / 'data/ca-bundle.pem').touch()  # DevStack's certificate authority, made before
    done = world.phases('stack:post-config', 'stack:extra')
    assert done.returncode == 0, done.stderr[-3000:]
    files = world.files()
    read = conf(files, 'etc/unikernel/unikernel-builder.conf')
    assert read['top']['listen'] == '127.0.0.1:18770' and read['top']['public-url'] == 'https://127.0.0.1:8770'
    assert read['keystone_authtoken']['auth_url'].startswith('https://')
    assert read['keystone_authtoken']['cafile'] == '/opt/stack/data/ca-bundle.pem'
    site = files['etc/apache2/sites-available/unikernel-tls-proxy.conf'].decode()
    assert re.search(r'ProxyPass http://127\.0\.0\.1:18770/', site) and re.search(r'^Listen (\*:)?8770$', site, re.M)
    calls = world.calls()
    assert ['a2ensite', 'unikernel-tls-proxy'] in calls
    assert any(words[0] == 'curl' and words[-1] == 'https://127.0.0.1:8770/healthcheck' for words in calls)
    assert any('endpoint create unikernel public https://127.0.0.1:8770' in ' '.join(words) for words in calls)
    assert world.phases('clean:').returncode == 0
    assert 'etc/apache2/sites-available/unikernel-tls-proxy.conf' not in world.files()


@needs_nova
def test_a_host_that_only_computes_gets_the_driver_and_no_builder(devstack, tmp_path):
    world = World(tmp_path / 'world', devstack, services=['n-cpu'])
    # As disable_service in local.conf of such a host does, after enable_plugin.
    with open(world.product / 'devstack/settings', 'a', encoding='utf-8') as settings:
        settings.write('ENABLED_SERVICES=n-cpu\n')
    done = world.phases(*STACK, 'unstack:', 'clean:')
    assert done.returncode == 0, done.stderr[-3000:]
    calls = world.calls()
    assert not [words for words in calls if words[0] in ('openstack', 'cmake')]
    assert any(words[0] == 'pip' and words[-1].endswith('/nova_driver') for words in calls)


def refused(world, *phases):
    done = world.phases(*phases)
    assert done.returncode != 0
    return done.stdout + done.stderr


def test_without_a_network_the_sources_must_be_there(devstack, tmp_path):
    world = World(tmp_path / 'world', devstack, services=[], settings={'OFFLINE': 'True'})
    (world.stack / 'devstack/files').mkdir(parents=True, exist_ok=True)
    told = refused(world, 'stack:install')
    assert re.search(r'/opt/stack/devstack/files/lwip_\S+ is missing \(source package of lwip\)', told), told[-2000:]


def test_another_hypervisor_is_refused(devstack, tmp_path):
    world = World(tmp_path / 'world', devstack, services=[], settings={'VIRT_DRIVER': 'fake'})
    assert "keep VIRT_DRIVER=libvirt (it is 'fake')" in refused(world, 'stack:pre-install')


def test_a_plugin_that_does_not_load_ends_the_installation_and_says_why(devstack, tmp_path):
    world = World(tmp_path / 'world', devstack, services=[])
    world.copy_sources()
    (world.product / 'common/python/unikernelclient/osc/plugin.py').write_text('import no_such_module\n')
    told = refused(world, 'stack:install')
    assert "openstack.cli.extension/unikernel: ModuleNotFoundError: No module named 'no_such_module'" in told
    assert "OpenStack's Python does not load what os-unikernel installed" in told
