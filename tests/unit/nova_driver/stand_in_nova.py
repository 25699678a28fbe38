# SPDX-License-Identifier: Apache-2.0
"""As little of Nova as the driver imports; LibvirtDriver notes each call and returns a word.

The real Nova is what tests/openstack runs and what test_contract.py compares with.
"""
import sys
import types


class NovaException(Exception):
    def __init__(self, message=None, **fields):
        super().__init__(message or fields)
        self.fields = fields


class LibvirtDriver:
    def __init__(self, virtapi, read_only=False):
        self.virtapi = virtapi
        self.calls = []
        self.state = 1
        self._image_api = types.SimpleNamespace(
            get=lambda context, image_id: self.images[image_id],
            update=lambda *args, **kwargs: self.calls.append(('update', args, kwargs)))
        self.images = {}

    def _get_console_log_path(self, instance):
        return instance.directory / 'console.log'

    def _get_console_output_file(self, instance, path):
        return path.read_bytes()

    def get_info(self, instance, *args, **kwargs):
        return types.SimpleNamespace(state=self.state)


def _noted(name):
    def method(self, *args, **kwargs):
        self.calls.append((name, args, kwargs))
        return 'super ' + name
    return method


NOTED = ('spawn', '_create_and_inject_local_root', '_get_guest_config', '_create_guest_with_network',
         'get_console_output', 'power_off', 'reboot', 'snapshot', 'rescue', 'unrescue', 'attach_interface',
         'detach_interface', 'attach_volume', 'network_binding_host_id', 'get_device_name_for_instance',
         'update_provider_tree', 'migrate_disk_and_power_off', 'init_host')
for _name in NOTED:
    setattr(LibvirtDriver, _name, _noted(_name))


def install(instances_path):
    """Puts the modules into sys.modules and returns their names, to be taken out again."""
    conf = types.SimpleNamespace(instances_path=str(instances_path),
                                 image_cache=types.SimpleNamespace(subdirectory_name='_base'),
                                 unikernel=types.SimpleNamespace(max_image_size=1 << 20, wait_for_port=True),
                                 register_opts=lambda options, group: None)
    exceptions = {'NovaException': NovaException} | {name: type(name, (NovaException,), {}) for name in (
        'ImageUnacceptable', 'InstanceNotRescuable', 'AttachInterfaceNotSupported', 'InterfaceDetachFailed', 'Invalid',
        'InstanceFaultRollback', 'ResizeError', 'InvalidInput', 'GlanceConnectionFailed', 'ImageNotFound')}
    contents = {
        'nova': {}, 'nova.conf': {'CONF': conf}, 'nova.exception': exceptions, 'nova.compute': {}, 'nova.virt': {},
        'nova.compute.power_state': {'RUNNING': 1, 'SHUTDOWN': 4, 'CRASHED': 6},
        'nova.compute.task_states': {'IMAGE_PENDING_UPLOAD': 'pending', 'IMAGE_UPLOADING': 'uploading',
                                     'REBUILD_SPAWNING': 'rebuild_spawning', 'RESCUING': 'rescuing'},
        'nova.compute.vm_states': {'BUILDING': 'building'}, 'nova.virt.libvirt': {},
        'nova.virt.libvirt.config': {name: lambda name=name: types.SimpleNamespace(root_name=name) for name in (
            'LibvirtConfigMemoryBalloon', 'LibvirtConfigGuestFeatureAPIC')},
        'nova.virt.libvirt.driver': {'LibvirtDriver': LibvirtDriver},
        'nova.virt.libvirt.imagecache': {'get_cache_fname': lambda image_id: 'cached-' + image_id},
        'nova.virt.libvirt.utils': {'get_instance_path': lambda instance: str(instance.directory)},
        'oslo_log': {}, 'oslo_log.log': {'getLogger': lambda name: types.SimpleNamespace(info=lambda *a, **k: None)},
        'oslo_config': {}, 'oslo_config.cfg': {name: lambda *args, **kwargs: None for name in ('IntOpt', 'BoolOpt')},
    }
    for name, members in contents.items():
        module = types.ModuleType(name)
        vars(module).update(members)
        sys.modules[name] = module
        if '.' in name:
            parent, _, child = name.rpartition('.')
            setattr(sys.modules[parent], child, module)
    return list(contents)
