# SPDX-License-Identifier: Apache-2.0
"""What the driver overrides and uses is there in the Nova of every release it is for.

Nova's sources are parsed, not run.  Where a package cannot be fetched its tests are skipped and say so.
"""
import ast
import pathlib

import pytest
import release_packages

RELEASES = ('bookworm', 'trixie', 'sid', release_packages.PYTHON_INDEX)
OURS = pathlib.Path(__file__).resolve().parents[3] / 'nova_driver' / 'unikernel_nova'

# Methods that the driver calls on itself, with the names of their parameters.
CALLED = {'_get_console_log_path': ['instance'], '_get_console_output_file': ['self', 'instance', 'console_log']}

# Names that the driver takes from Nova's modules.
USED = {
    'nova/exception.py': ('AttachInterfaceNotSupported', 'GlanceConnectionFailed', 'ImageNotFound',
                          'ImageUnacceptable', 'InstanceFaultRollback', 'InstanceNotRescuable',
                          'InterfaceDetachFailed', 'Invalid', 'InvalidInput', 'NovaException', 'ResizeError'),
    'nova/compute/power_state.py': ('RUNNING', 'SHUTDOWN', 'CRASHED'),
    'nova/compute/task_states.py': ('IMAGE_PENDING_UPLOAD', 'IMAGE_UPLOADING', 'REBUILD_SPAWNING', 'RESCUING'),
    'nova/compute/vm_states.py': ('BUILDING',),
    'nova/virt/libvirt/config.py': ('LibvirtConfigMemoryBalloon', 'LibvirtConfigGuestFeatureAPIC'),
    'nova/virt/libvirt/imagecache.py': ('get_cache_fname',),
    'nova/virt/libvirt/utils.py': ('get_instance_path',),
    'nova/virt/libvirt/driver.py': ('LibvirtDriver',),
}


@pytest.fixture(name='nova', scope='module', params=RELEASES)
def fixture_nova(request, tmp_path_factory):
    try:
        return release_packages.fetch(request.param, tmp_path_factory.mktemp(request.param), ['nova'])
    except release_packages.Unreachable as reason:
        pytest.skip(f'Nova of {request.param} is not to be had: {reason}')


def parse(path):
    return ast.parse(path.read_text())


def defined(tree):
    names = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return names


def methods(tree, name):
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def novas(nova):
    """The methods of LibvirtDriver, and those that it inherits."""
    return {**methods(parse(nova / 'nova/virt/driver.py'), 'ComputeDriver'),
            **methods(parse(nova / 'nova/virt/libvirt/driver.py'), 'LibvirtDriver')}


def parameters(function):
    return [argument.arg for argument in function.args.posonlyargs + function.args.args]


def overridden():
    ours = methods(parse(OURS / 'driver.py'), 'UnikernelDriver')
    return [function for name, function in ours.items() if name not in OWN]


# What the driver adds and Nova must not have as well.
OWN = ('_check_before_fetch', '_check_kernel', '_check_validity', '_forget', '_is_damaged', '_keep_allocations',
       '_last_line')


def test_says_what_is_compared(nova, capsys):
    metadata = next(path for kind in ('egg-info', 'dist-info') for path in nova.glob(f'nova-*.{kind}'))
    with capsys.disabled():
        print(f'\n  compared: {metadata.stem}, {len(overridden())} overridden methods')


def test_overridden_methods_take_what_nova_passes(nova):
    theirs = novas(nova)
    for function in overridden():
        assert function.name in theirs, f'LibvirtDriver has no {function.name} any more'
        named, expected = parameters(function), parameters(theirs[function.name])
        if function.args.vararg:
            assert function.args.kwarg, f'{function.name} takes *args and no **kwargs'
            assert named == expected[:len(named)], function.name
        else:
            assert named == expected, function.name


def test_own_methods_hide_none_of_novas(nova):
    theirs = novas(nova)
    assert not set(OWN) & set(theirs)
    assert not (nova / 'nova/virt/unikernel').exists()


def test_called_methods_are_as_they_are_called(nova):
    theirs = novas(nova)
    for name, expected in CALLED.items():
        assert parameters(theirs[name]) == expected, name


# Arguments that the driver passes by name, or looks for.
PASSED = {'_create_guest_with_network': {'vifs_already_plugged', 'power_on'}, 'reboot': {'block_device_info'}}


def test_arguments_that_are_passed_by_name_exist(nova):
    theirs = novas(nova)
    for name, expected in PASSED.items():
        assert expected <= set(parameters(theirs[name])), name


def test_every_name_that_is_used_exists(nova):
    for path, names in USED.items():
        missing = set(names) - defined(parse(nova / path))
        assert not missing, f'{path} lacks {missing}'


# Methods of Nova's manager, what they ask the driver, and what they do only afterwards.
EARLY = {'_attach_interface': ('network_binding_host_id', 'allocate_for_instance'),
         'reserve_block_device_name': ('_get_device_name_for_instance', 'create')}


def test_what_is_refused_early_is_asked_before_anything_is_made(nova):
    manager = methods(parse(nova / 'nova/compute/manager.py'), 'ComputeManager')
    for name, (question, deed) in EARLY.items():
        lines = {}
        for node in ast.walk(manager[name]):
            if isinstance(node, ast.Call):
                lines.setdefault(getattr(node.func, 'attr', None), node.lineno)
        assert lines[question] < lines[deed], name


def test_what_a_failed_rebuild_takes_away_is_where_the_driver_looks(nova):
    tracker = methods(parse(nova / 'nova/compute/resource_tracker.py'), 'ResourceTracker')
    assert parameters(tracker['delete_allocation_for_evacuated_instance']) == [
        'self', 'context', 'instance', 'node', 'node_type']
    manager = parse(nova / 'nova/compute/manager.py')
    rebuild = ast.unparse(methods(manager, 'ComputeManager')['rebuild_instance'])
    assert "self.rt.delete_allocation_for_evacuated_instance(context, instance, scheduled_node, " \
        "node_type='destination')" in rebuild
    assert 'self._compute = compute' in ast.unparse(methods(manager, 'ComputeVirtAPI')['__init__'])


def test_start_paths_all_lead_through_the_check(nova):
    """Whoever creates a guest does it by _create_guest_with_network, which checks the kernel's bytes."""
    callers = set()
    for name, function in methods(parse(nova / 'nova/virt/libvirt/driver.py'), 'LibvirtDriver').items():
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and getattr(node.func, 'attr', None) == '_create_guest':
                callers.add(name)
    # Rescuing a unikernel is a reboot, and unrescuing it nothing.
    assert callers == {'_create_guest_with_network', 'rescue', 'unrescue'}


def test_no_module_brings_eventlet_along():
    """Nova of 2026.2 runs on native threads and refuses to be loaded beside eventlet."""
    for path in OURS.glob('*.py'):
        for node in ast.walk(parse(path)):
            names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
            assert not any(name.split('.')[0] == 'eventlet' for name in names), path
