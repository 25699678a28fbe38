# SPDX-License-Identifier: Apache-2.0
"""Edits of a libvirt domain's configuration: what a unikernel does not need is taken out.

The functions work on Nova's configuration objects (nova.virt.libvirt.config) by their attributes
`root_name`, `devices`, `features` alone, so they need no Nova to be tested.
"""

# XML elements below <devices> that no platform drives.  Each would cost memory and time at boot.
UNUSED_DEVICES = frozenset(('channel', 'graphics', 'input', 'memballoon', 'redirdev', 'sound', 'video', 'watchdog'))
ROOT_DISKS = ('disk',)


def without_root_disk(disk_info):
    """`disk_info` (nova.virt.libvirt.blockinfo) without the root disk; the argument stays as it was."""
    mapping = {name: disk for name, disk in disk_info['mapping'].items() if name not in ROOT_DISKS}
    return dict(disk_info, mapping=mapping)


def minimise(guest, drives_rng, no_balloon, apic):
    """Edits `guest`, a LibvirtConfigGuest, in place.

    drives_rng: whether the image has a driver for the host's random numbers (they stay if so);
    no_balloon: a memory balloon of model "none", without which libvirt adds one by itself;
    apic: the feature "apic".  The last two are Nova's objects, made by the caller.
    """
    unused = UNUSED_DEVICES if drives_rng else UNUSED_DEVICES | {'rng'}
    guest.devices = [device for device in guest.devices if device.root_name not in unused]
    guest.devices.append(no_balloon)
    for device in guest.devices:
        if device.root_name == 'controller' and getattr(device, 'type', None) == 'usb':
            device.model = 'none'
    # A site may have switched it off for slow emulation; platforms take their timer from it.
    if not any(feature.root_name == 'apic' for feature in guest.features):
        guest.features.append(apic)


def set_command_line(guest, text):
    """The kernel's command line; there never is an initial RAM disk."""
    guest.os_cmdline = text
    guest.os_initrd = None
