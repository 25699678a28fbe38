# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

from unikernel_nova import domain


def element(name, **fields):
    return SimpleNamespace(root_name=name, **fields)


def guest(*devices, features=()):
    return SimpleNamespace(devices=[element(name) if isinstance(name, str) else name for name in devices],
                           features=[element(name) for name in features], os_cmdline='root=/dev/vda', os_initrd='rd')


def names(elements):
    return [one.root_name for one in elements]


BALLOON = element('memballoon', model='none')
APIC = element('apic')


def test_only_what_a_unikernel_drives_stays():
    edited = guest('disk', 'interface', 'serial', 'console', 'input', 'graphics', 'video', 'rng', 'channel', 'watchdog',
                   element('memballoon', model='virtio'))
    domain.minimise(edited, False, BALLOON, APIC)
    assert names(edited.devices) == ['disk', 'interface', 'serial', 'console', 'memballoon']
    assert edited.devices[-1].model == 'none'


def test_random_numbers_stay_for_an_image_that_drives_them():
    edited = guest('rng')
    domain.minimise(edited, True, BALLOON, APIC)
    assert names(edited.devices) == ['rng', 'memballoon']


def test_usb_is_switched_off_and_other_controllers_stay():
    edited = guest(element('controller', type='usb', model=None), element('controller', type='pci', model='pcie-root'))
    domain.minimise(edited, False, BALLOON, APIC)
    assert [device.model for device in edited.devices] == ['none', 'pcie-root', 'none']


def test_the_apic_is_there_once():
    for features in ((), ('apic',), ('acpi', 'apic')):
        edited = guest(features=features)
        domain.minimise(edited, False, BALLOON, APIC)
        assert names(edited.features).count('apic') == 1


def test_the_root_disk_is_taken_from_a_copy():
    disk_info = {'disk_bus': 'virtio', 'mapping': {'root': 1, 'disk': 2, 'disk.config': 3}}
    assert domain.without_root_disk(disk_info) == {'disk_bus': 'virtio', 'mapping': {'root': 1, 'disk.config': 3}}
    assert 'disk' in disk_info['mapping']


def test_the_command_line_replaces_novas():
    edited = guest()
    domain.set_command_line(edited, 'net.host=web')
    assert (edited.os_cmdline, edited.os_initrd) == ('net.host=web', None)
