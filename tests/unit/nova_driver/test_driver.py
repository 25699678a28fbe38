# SPDX-License-Identifier: Apache-2.0
import hashlib
import importlib
import sys
import types

import pytest
import small_image
import stand_in_nova
from unikernel_nova import artifact
from unikernel_nova import properties

MODULES = ('unikernel_nova.driver', 'unikernel_nova.options')


@pytest.fixture(name='driver')
def fixture_driver(tmp_path):
    kept = {name: module for name, module in sys.modules.items()
            if name.split('.')[0] in ('nova', 'oslo_log', 'oslo_config')}
    installed = stand_in_nova.install(tmp_path)
    try:
        yield importlib.import_module('unikernel_nova.driver').UnikernelDriver(virtapi=None)
    finally:
        for name in (*installed, *MODULES):
            sys.modules.pop(name, None)
        sys.modules.update(kept)


def instance(tmp_path, metadata, **fields):
    directory = tmp_path / 'instance'
    directory.mkdir(exist_ok=True)
    values = {'uuid': 'some-uuid', 'system_metadata': metadata, 'image_ref': 'image-1', 'kernel_id': '',
              'hostname': 'web', 'metadata': {}, 'task_state': 'spawning', 'vm_state': 'active',
              'flavor': types.SimpleNamespace(memory_mb=32),
              'directory': directory, 'saved': 0}
    values.update(fields)
    made = types.SimpleNamespace(**values)
    made.save = lambda: setattr(made, 'saved', made.saved + 1)
    return made


@pytest.fixture(name='unikernel')
def fixture_unikernel(tmp_path):
    data = small_image.make()
    stored = properties.derive(artifact.verify(data))
    made = instance(tmp_path, {'image_' + name: value for name, value in stored.items()})
    (made.directory / 'kernel').write_bytes(data)
    return made


@pytest.fixture(name='ordinary')
def fixture_ordinary(tmp_path):
    return instance(tmp_path, {'image_os_distro': 'debian'})


def image_meta(size=4096, image_id='image-1'):
    return types.SimpleNamespace(size=size, id=image_id, obj_attr_is_set=lambda name: True)


DISK_INFO = {'mapping': {'disk': 1, 'root': 2}}


def exception_named(name):
    return getattr(sys.modules['nova.exception'], name)


def test_ordinary_servers_go_through_as_they_came(driver, ordinary):
    calls = {
        'spawn': ('context', ordinary, image_meta(), [], None, {}),
        '_create_and_inject_local_root': ('context', ordinary, {}),
        '_get_guest_config': (ordinary, [], 'meta', DISK_INFO), 'get_console_output': ('context', ordinary),
        '_create_guest_with_network': ('context', '<xml/>', ordinary, [], None), 'power_off': (ordinary, 60, 10),
        'reboot': ('context', ordinary, [], 'SOFT'), 'snapshot': ('context', ordinary, 'image-2', print),
        'rescue': ('context', ordinary, [], image_meta(), 'password', {}, 'shares'), 'unrescue': ('context', ordinary),
        'migrate_disk_and_power_off': ('context', ordinary, 'elsewhere', 'flavor', [], {}, 60, 10),
        'attach_interface': ('context', ordinary, 'meta', 'vif'),
        'network_binding_host_id': ('context', ordinary), 'get_device_name_for_instance': (ordinary, [], 'mapping'),
        'detach_interface': ('context', ordinary, 'vif'), 'attach_volume': ('context', {}, ordinary, '/dev/vdb'),
    }
    assert set(calls) | {'update_provider_tree', 'init_host'} == set(stand_in_nova.NOTED)
    for name, args in calls.items():
        driver.calls.clear()
        getattr(driver, name)(*args)
        assert driver.calls == [(name, args, {})]
    assert (ordinary.kernel_id, ordinary.saved) == ('', 0)


def test_the_image_becomes_the_kernel(driver, unikernel):
    driver.spawn('context', unikernel, image_meta(), [], None, {})
    assert (unikernel.kernel_id, unikernel.saved) == ('image-1', 1)
    assert driver.calls[0][0] == 'spawn'
    driver.spawn('context', unikernel, image_meta(), [], None, {})
    assert unikernel.saved == 1


def test_off_the_shelf_the_kernel_is_the_snapshots_for_as_long_as_there_is_one(driver, unikernel, monkeypatch):
    unikernel.image_ref, unikernel.kernel_id = 'snapshot', 'image-1'
    unikernel.system_metadata['shelved_image_id'] = 'snapshot'
    seen = []
    monkeypatch.setattr(stand_in_nova.LibvirtDriver, 'spawn', lambda *args: seen.append(unikernel.kernel_id))
    driver.spawn('context', unikernel, image_meta(), [], None, {})
    assert (seen, unikernel.kernel_id, unikernel.saved) == (['snapshot'], 'image-1', 0)


def test_elsewhere_it_is_started_from_what_the_instance_remembers(driver, unikernel):
    """Evacuation: the image's properties come from the instance's system metadata, and its size is not known."""
    unikernel.kernel_id = 'image-1'
    remembered = types.SimpleNamespace(obj_attr_is_set=lambda name: False)
    driver.spawn('context', unikernel, remembered, [], None, {})
    assert [call[0] for call in driver.calls] == ['spawn']


def test_there_is_no_root_disk(driver, unikernel):
    assert driver._create_and_inject_local_root('context', unikernel, {}) is False
    assert not driver.calls


def test_the_domain_gets_a_command_line_and_no_disk(driver, unikernel, monkeypatch):
    seen = {}

    def guest_config(self, instance_, network_info, meta, disk_info, *args, **kwargs):
        seen['mapping'] = disk_info['mapping']
        return types.SimpleNamespace(devices=[types.SimpleNamespace(root_name='video')], features=[])

    monkeypatch.setattr(stand_in_nova.LibvirtDriver, '_get_guest_config', guest_config)
    unikernel.metadata = {'unikernel:arguments': '--x'}
    guest = driver._get_guest_config(unikernel, [], 'meta', DISK_INFO, None, block_device_info=None)
    assert seen['mapping'] == {'root': 2}
    assert guest.os_cmdline == 'net.host=web -- --x'
    assert [device.model for device in guest.devices] == ['none']


@pytest.mark.parametrize('fields, size, reason', [
    ({'flavor': types.SimpleNamespace(memory_mb=4)}, 4096, 'at least 8 MiB'),
    ({'image_ref': ''}, 4096, 'volume'),
    ({'metadata': {'unikernel:arguments': 'a\nb'}}, 4096, 'U+000A'),
    ({}, (1 << 20) + 1, 'over the limit'),
    ({'system_metadata': {'image_unikernel_source': 'bundle'}}, 4096, 'still is source'),
])
def test_what_cannot_boot_is_refused_before_it_is_fetched(driver, unikernel, fields, size, reason):
    vars(unikernel).update(fields)
    with pytest.raises(exception_named('ImageUnacceptable')) as refused:
        driver.spawn('context', unikernel, image_meta(size), [], None, {})
    assert reason in refused.value.fields['reason']
    assert not driver.calls


OVER = '2020-01-01T00:00:00Z'


@pytest.fixture(name='expired')
def fixture_expired(tmp_path):
    data = small_image.make(small_image.description(not_after=OVER))
    stored = properties.derive(artifact.verify(data))
    made = instance(tmp_path, {'image_' + name: value for name, value in stored.items()})
    (made.directory / 'kernel').write_bytes(data)
    return made


@pytest.mark.parametrize('operation', [
    lambda driver, server: driver.spawn('context', server, image_meta(), [], None, {}),  # also rebuild, evacuate
    lambda driver, server: driver._create_guest_with_network('context', '<xml/>', server, [], None),
    lambda driver, server: driver.reboot('context', server, [], 'SOFT'),
])
def test_an_image_that_is_over_is_not_started(driver, expired, operation):
    with pytest.raises(exception_named('ImageUnacceptable')) as refused:
        operation(driver, expired)
    assert refused.value.fields['reason'].startswith(f'it was valid until {OVER}, and now it is 2')
    assert not driver.calls and (expired.directory / 'kernel').exists()


def test_the_note_counts_where_the_properties_have_no_limit(driver, expired):
    del expired.system_metadata['image_unikernel_not_after']
    with pytest.raises(exception_named('ImageUnacceptable')) as refused:
        driver._create_guest_with_network('context', '<xml/>', expired, [], None)
    assert OVER in refused.value.fields['reason']


def test_a_server_whose_image_is_over_is_stopped_and_kept_as_any_other(driver, expired):
    driver.power_off(expired, 60, 10)
    driver.snapshot('context', expired, 'image-2', lambda **kwargs: None)
    assert [call[0] for call in driver.calls] == ['power_off', 'update']


def test_a_server_whose_image_is_over_is_not_moved_to_where_it_could_not_start(driver, expired):
    with pytest.raises(exception_named('InstanceFaultRollback')):
        driver.migrate_disk_and_power_off('context', expired, 'here', types.SimpleNamespace(memory_mb=32), [])
    assert not driver.calls


def test_arguments_that_break_out_are_refused(driver, unikernel):
    unikernel.metadata = {'unikernel:arguments': 'a\nnet.ip=6.6.6.6/8'}
    with pytest.raises(exception_named('ImageUnacceptable')):
        driver._get_guest_config(unikernel, [], 'meta', DISK_INFO)


def test_damaged_bytes_do_not_boot_and_leave_the_cache(driver, unikernel, tmp_path):
    unikernel.kernel_id = 'image-1'
    kernel, cached = damaged_kernel(unikernel, tmp_path, b'x')
    driver.images['image-1'] = {'disk_format': 'raw', 'checksum': hashlib.md5(b'y').hexdigest()}
    with pytest.raises(exception_named('ImageUnacceptable')):
        driver._create_guest_with_network('context', '<xml/>', unikernel, [], None)
    assert not driver.calls and not kernel.exists() and not cached.exists()


def damaged_kernel(unikernel, tmp_path, cached_bytes):
    """The server's kernel does not fit its properties; its file, and that of the host's cache with these bytes."""
    kernel, cached = unikernel.directory / 'kernel', tmp_path / '_base' / 'cached-image-1'
    cached.parent.mkdir()
    cached.write_bytes(cached_bytes)
    kernel.write_bytes(kernel.read_bytes() + b'x')
    return kernel, cached


@pytest.mark.parametrize('in_glance', [
    {'disk_format': 'raw', 'checksum': hashlib.md5(b'disk').hexdigest()},  # these are the image's bytes
    {'disk_format': 'qcow2', 'checksum': hashlib.md5(b'other').hexdigest()},  # which Nova has converted
    {'disk_format': 'raw', 'checksum': None},
])
def test_what_other_servers_disks_are_based_on_stays_in_the_cache(driver, unikernel, tmp_path, in_glance):
    unikernel.kernel_id = 'image-1'
    driver.images['image-1'] = in_glance
    kernel, cached = damaged_kernel(unikernel, tmp_path, b'disk')
    with pytest.raises(exception_named('ImageUnacceptable')):
        driver._create_guest_with_network('context', '<xml/>', unikernel, [], None)
    assert not kernel.exists() and cached.read_bytes() == b'disk'


def test_the_cache_stays_when_glance_cannot_be_asked(driver, unikernel, tmp_path):
    def away(*_):
        raise sys.modules['nova.exception'].GlanceConnectionFailed(server='glance', reason='away')

    unikernel.kernel_id, driver._image_api.get = 'image-1', away
    _, cached = damaged_kernel(unikernel, tmp_path, b'x')
    with pytest.raises(exception_named('ImageUnacceptable')):
        driver._create_guest_with_network('context', '<xml/>', unikernel, [], None)
    assert cached.exists()


def test_a_missing_kernel_does_not_boot(driver, unikernel):
    (unikernel.directory / 'kernel').unlink()
    with pytest.raises(exception_named('ImageUnacceptable')):
        driver._create_guest_with_network('context', '<xml/>', unikernel, [], None)
    assert not driver.calls


def test_a_rebuild_does_not_wait_for_neutron(driver, unikernel):
    driver._create_guest_with_network('context', '<xml/>', unikernel, [], None)
    unikernel.task_state = 'rebuild_spawning'
    driver._create_guest_with_network('context', '<xml/>', unikernel, [], None)
    assert [call[2] for call in driver.calls] == [{}, {'vifs_already_plugged': True}]


def test_a_site_may_let_guests_start_before_their_port_is_wired(driver, unikernel, ordinary):
    sys.modules['nova.conf'].CONF.unikernel.wait_for_port = False
    driver._create_guest_with_network('context', '<xml/>', unikernel, [], None)
    driver._create_guest_with_network('context', '<xml/>', ordinary, [], None)
    assert [call[2] for call in driver.calls] == [{'vifs_already_plugged': True}, {}]


def test_a_guest_that_ended_at_once_is_told_with_its_last_words(driver, unikernel):
    (unikernel.directory / 'console.log').write_bytes(b'u0: web 8 MiB\r\nu0: panic: out of\x07 memory\r\n\r\n')
    driver._create_guest_with_network('context', '<xml/>', unikernel, [], None)
    driver.state = 4
    with pytest.raises(exception_named('ImageUnacceptable')) as refused:
        driver.get_info(unikernel)
    assert refused.value.fields['reason'].endswith('u0: panic: out of? memory')
    assert driver.get_info(unikernel).state == 4  # told once; from then on it simply is off


def test_a_guest_that_ends_later_is_no_failure(driver, unikernel):
    driver._create_guest_with_network('context', '<xml/>', unikernel, [], None)
    assert driver.get_info(unikernel).state == 1
    driver.state = 4
    assert driver.get_info(unikernel).state == 4


def test_what_others_see_of_a_starting_guest_is_not_for_them_to_judge(driver, unikernel):
    (unikernel.directory / 'console.log').write_bytes(b'u0: exit 1\n')
    driver._create_guest_with_network('context', '<xml/>', unikernel, [], None)
    others = types.SimpleNamespace(**vars(unikernel))
    assert driver.get_info(others).state == 1  # seen running: the one that waits has not yet
    driver.state = 4
    assert driver.get_info(others).state == 4
    with pytest.raises(exception_named('ImageUnacceptable')):
        driver.get_info(unikernel)


def test_rescue_starts_the_image_that_it_runs_anyway(driver, unikernel):
    unikernel.task_state = 'rescuing'
    driver.power_off(unikernel, 60, 10)
    assert not driver.calls
    driver.rescue('context', unikernel, [], image_meta(), 'password', {}, 'shares')
    unikernel.system_metadata['image_base_image_ref'] = 'image-0'
    driver.rescue('context', unikernel, [], image_meta(image_id='image-0'), 'password', {})
    assert driver.calls == 2 * [('reboot', ('context', unikernel, [], 'HARD'), {'block_device_info': {}})]
    driver.unrescue('context', unikernel)
    assert len(driver.calls) == 2


def test_rescue_by_another_image_is_refused_and_nothing_is_stopped(driver, unikernel):
    unikernel.task_state = 'rescuing'
    driver.power_off(unikernel, 60, 10)
    with pytest.raises(exception_named('InstanceNotRescuable')):
        driver.rescue('context', unikernel, [], image_meta(image_id='image-2'), 'password', {})
    assert not driver.calls


def test_too_small_a_new_flavor_leaves_the_server_as_it_was(driver, unikernel):
    with pytest.raises(exception_named('InstanceFaultRollback')):
        driver.migrate_disk_and_power_off('context', unikernel, 'here', types.SimpleNamespace(memory_mb=4), [])
    assert not driver.calls
    driver.migrate_disk_and_power_off('context', unikernel, 'here', types.SimpleNamespace(memory_mb=8), [])
    assert [call[0] for call in driver.calls] == ['migrate_disk_and_power_off']


def test_stop_does_not_wait_and_reboot_is_hard(driver, unikernel):
    driver.power_off(unikernel, 60, 10)
    driver.reboot('context', unikernel, [], 'SOFT')
    assert driver.calls == [('power_off', (unikernel, 0, 10), {}), ('reboot', ('context', unikernel, [], 'HARD'), {})]


def test_the_console_is_readable_after_the_end(driver, unikernel):
    (unikernel.directory / 'console.log').write_bytes(b'u0: exit 0\n')
    assert driver.get_console_output('context', unikernel) == b'u0: exit 0\n'


def test_a_snapshot_is_the_image_and_its_own_kernel(driver, unikernel):
    states = []
    driver.snapshot('context', unikernel, 'image-2', lambda **kwargs: states.append(kwargs))
    name, args, kwargs = driver.calls[0]
    assert (name, args[1], kwargs) == ('update', 'image-2', {'purge_props': False})
    assert args[2] == {'disk_format': 'raw', 'container_format': 'bare', 'properties': {'kernel_id': 'image-2'}}
    assert [state['task_state'] for state in states] == ['pending', 'uploading']


@pytest.mark.parametrize('name, args, expected', [
    ('attach_interface', ('context', None, 'meta', 'vif'), 'AttachInterfaceNotSupported'),
    ('detach_interface', ('context', None, 'vif'), 'InterfaceDetachFailed'),
    ('attach_volume', ('context', {}, None, '/dev/vdb'), 'Invalid'),
    ('network_binding_host_id', ('context', None), 'AttachInterfaceNotSupported'),
    ('get_device_name_for_instance', (None, [], 'mapping'), 'InvalidInput'),
])
def test_what_a_unikernel_has_no_driver_for_is_refused(driver, unikernel, name, args, expected):
    with pytest.raises(exception_named(expected)):
        getattr(driver, name)(*(unikernel if arg is None else arg for arg in args))
    assert not driver.calls


def test_the_ports_that_a_server_is_created_with_are_its_own(driver, unikernel):
    unikernel.vm_state = 'building'
    assert driver.network_binding_host_id('context', unikernel) == 'super network_binding_host_id'


def test_the_host_tells_what_it_boots(driver):
    traits = []
    tree = types.SimpleNamespace(add_traits=lambda node, *names: traits.extend((node, *names)))
    driver.update_provider_tree(tree, 'node')
    assert driver.calls[0][0] == 'update_provider_tree'
    assert traits == ['node', 'CUSTOM_UNIKERNEL', 'CUSTOM_UNIKERNEL_U0']


@pytest.mark.parametrize('kind, of, node_type, dropped', [
    ('unikernel', 'here', 'destination', False), ('unikernel', 'elsewhere', 'destination', True),
    ('unikernel', 'elsewhere', 'source', True), ('ordinary', 'here', 'destination', True)])
def test_a_failed_rebuild_leaves_a_unikernel_what_it_has_of_its_host(driver, request, kind, of, node_type, dropped):
    server, calls = request.getfixturevalue(kind), []
    server.host = of
    tracker = types.SimpleNamespace(delete_allocation_for_evacuated_instance=lambda *args, **kwargs: calls.append(
        (args, kwargs)))
    driver.virtapi = types.SimpleNamespace(_compute=types.SimpleNamespace(rt=tracker))
    driver.init_host('here')
    assert driver.calls == [('init_host', ('here',), {})]
    tracker.delete_allocation_for_evacuated_instance('context', server, 'node', node_type=node_type)
    assert calls == ([(('context', server, 'node'), {'node_type': node_type})] if dropped else [])
