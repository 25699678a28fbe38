# SPDX-License-Identifier: Apache-2.0
"""LibvirtDriver that boots unikernel images directly as a kernel; every other image goes its usual way.

An image is a unikernel if its properties say so (unikernel_nova.properties); the driver then boots
it only if its bytes say the same.  Overridden methods take what they do not use as ``*args``,
``**kwargs``: their signatures grow from release to release of Nova (tests/unit/nova_driver/test_contract.py).
"""
import datetime
import hashlib
import os

import nova.conf
from nova import exception
from nova.compute import power_state
from nova.compute import task_states
from nova.compute import vm_states
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import driver
from nova.virt.libvirt import imagecache
from nova.virt.libvirt import utils as libvirt_utils
from oslo_log import log as logging

from unikernel_nova import artifact
from unikernel_nova import command_line
from unikernel_nova import domain
from unikernel_nova import options
from unikernel_nova import properties
from unikernel_nova.refusal import Refused

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)

LAST_WORDS = 200  # bytes of a console's last line in an error


def is_unikernel(instance):
    return properties.is_unikernel(instance.system_metadata)


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def refuse(instance, reason):
    """Ends a build at once; another host would refuse the same image as well."""
    raise exception.ImageUnacceptable(image_id=instance.image_ref or 'of a volume', reason=str(reason))


class UnikernelDriver(driver.LibvirtDriver):
    """See the module.  Thread-safe as far as LibvirtDriver is: it adds one dictionary, of single-step accesses."""

    def __init__(self, virtapi, read_only=False):
        super().__init__(virtapi, read_only)
        options.register(CONF)
        self._starting = {}  # UUID: the Instance object of the operation that has started its guest

    def init_host(self, host):
        super().init_host(host)
        self._keep_allocations(self.virtapi._compute.rt, host)

    @staticmethod
    def _keep_allocations(tracker, host):
        """Nova takes a server whose rebuild failed for one that was evacuated to this host in vain, and drops what it
        has of the host in Placement.  But it stays here, and without that no image that asks for a trait would be
        let onto it again, not even its old one (nova.conductor.manager, _validate_image_traits_for_rebuild)."""
        drop = tracker.delete_allocation_for_evacuated_instance

        def drop_unless_at_home(context, instance, node, node_type='source'):
            if node_type != 'destination' or instance.host != host or not is_unikernel(instance):
                drop(context, instance, node, node_type=node_type)
        tracker.delete_allocation_for_evacuated_instance = drop_unless_at_home

    # -- from an image to a running domain

    def spawn(self, context, instance, image_meta, *args, **kwargs):
        if not is_unikernel(instance):
            return super().spawn(context, instance, image_meta, *args, **kwargs)
        self._check_before_fetch(instance, image_meta)
        before, instance.kernel_id = instance.kernel_id, instance.image_ref
        # Nova deletes the snapshot that was made for the shelf once the server runs: not to be remembered.
        shelved = instance.image_ref == instance.system_metadata.get('shelved_image_id')
        if before != instance.kernel_id and not shelved:
            instance.save()
        try:
            return super().spawn(context, instance, image_meta, *args, **kwargs)
        except (exception.GlanceConnectionFailed, exception.ImageNotFound) as error:
            # Other hosts would fare no better, and then Nova would say that no host is left, and no more.
            refuse(instance, error)
        finally:
            if shelved:
                instance.kernel_id = before

    def _create_and_inject_local_root(self, context, instance, *args, **kwargs):
        if is_unikernel(instance):
            return False  # no root disk was created
        return super()._create_and_inject_local_root(context, instance, *args, **kwargs)

    def _get_guest_config(self, instance, network_info, image_meta, disk_info, *args, **kwargs):
        if not is_unikernel(instance):
            return super()._get_guest_config(instance, network_info, image_meta, disk_info, *args, **kwargs)
        try:
            image = properties.read_image(instance.system_metadata)
            line = command_line.render(
                image.command_line, command_line.networks(network_info),
                command_line.host_name(instance.hostname), command_line.arguments(instance.metadata))
        except Refused as refused:
            refuse(instance, refused)
        guest = super()._get_guest_config(
            instance, network_info, image_meta, domain.without_root_disk(disk_info), *args, **kwargs)
        no_balloon = vconfig.LibvirtConfigMemoryBalloon()
        no_balloon.model = 'none'
        domain.minimise(guest, image.drives('virtio-rng'), no_balloon, vconfig.LibvirtConfigGuestFeatureAPIC())
        domain.set_command_line(guest, line)
        return guest

    def _create_guest_with_network(self, context, xml, instance, *args, **kwargs):
        # Every way to a running domain leads through here: create, start, reboot, resize, evacuate.
        if not is_unikernel(instance):
            return super()._create_guest_with_network(context, xml, instance, *args, **kwargs)
        found = self._check_kernel(context, instance)
        self._check_validity(instance, found.description.get('not_after'))
        if instance.task_state == task_states.REBUILD_SPAWNING or not CONF.unikernel.wait_for_port:
            # As in a hard reboot the port of a rebuilt server is wired: it was away for so short a time
            # that Neutron's agent may not have noticed, and would then never tell that it is back.
            kwargs['vifs_already_plugged'] = True
        guest = super()._create_guest_with_network(context, xml, instance, *args, **kwargs)
        if kwargs.get('power_on', True):
            self._starting[instance.uuid] = instance
        return guest

    def get_info(self, instance, *args, **kwargs):
        """Nova polls this without a limit until a started guest runs; one that has already ended never will."""
        info = super().get_info(instance, *args, **kwargs)
        # Other threads ask with objects of their own; what they see is not for them to judge.
        if self._starting.get(instance.uuid) is instance:
            ended = info.state in (power_state.SHUTDOWN, power_state.CRASHED)
            if ended or info.state == power_state.RUNNING:
                del self._starting[instance.uuid]
            if ended:
                refuse(instance, 'the unikernel ended right after its start; its last line was: '
                       + self._last_line(instance))
        return info

    # -- checks

    def _check_before_fetch(self, instance, image_meta):
        try:
            image = properties.read_image(instance.system_metadata)
            properties.check_memory(image, instance.flavor.memory_mb)
            properties.check_validity(image.stored.get(properties.NOT_AFTER), now())
            command_line.arguments(instance.metadata)
            if not instance.image_ref:
                raise Refused('it lies on a volume; a unikernel boots from an image')
            limit = CONF.unikernel.max_image_size
            size = image_meta.size if image_meta.obj_attr_is_set('size') else 0
            if size and size > limit:
                raise Refused(f'it has {size} bytes, over the limit of {limit} ([unikernel] max_image_size)')
        except Refused as refused:
            refuse(instance, refused)

    def _check_validity(self, instance, not_after):
        """An image that is over is not started; one that runs is for the control plane to replace, and refuses
        to serve by itself."""
        try:
            properties.check_validity(not_after, now())
        except Refused as refused:
            refuse(instance, refused)

    def _check_kernel(self, context, instance):
        """The Artifact that the instance's kernel is."""
        path = os.path.join(libvirt_utils.get_instance_path(instance), 'kernel')
        try:
            image = properties.read_image(instance.system_metadata)
            properties.check_memory(image, instance.flavor.memory_mb)
            found = artifact.read_artifact(path, CONF.unikernel.max_image_size)
            properties.check_agreement(image, found)
        except (Refused, OSError) as refused:
            self._forget(path)
            cached = os.path.join(CONF.instances_path, CONF.image_cache.subdirectory_name,
                                  imagecache.get_cache_fname(instance.kernel_id))
            # Bytes that were damaged on this host must not be found again.  Those that Glance has stay, whatever
            # this server's properties say: they may be what another server's disk is based on.
            if self._is_damaged(context, instance.kernel_id, cached):
                self._forget(cached)
            refuse(instance, refused)
        LOG.info('The image\'s bytes agree with its properties: %s', image.digest, instance=instance)
        return found

    def _is_damaged(self, context, image_id, path):
        """Whether the host's copy of an image surely has other bytes than Glance's."""
        content = hashlib.md5(usedforsecurity=False)
        try:
            with open(path, 'rb') as file:
                while block := file.read(1 << 20):
                    content.update(block)
            image = self._image_api.get(context, image_id)
            # Nova's copy of another format is converted.
            if image.get('disk_format') != 'raw' or not image.get('checksum'):
                return False
        except (exception.NovaException, OSError):
            return False
        return content.hexdigest() != image['checksum']

    @staticmethod
    def _forget(path):
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass

    # -- console

    def get_console_output(self, context, instance):
        path = self._get_console_log_path(instance)
        if is_unikernel(instance) and os.path.exists(path):
            return self._get_console_output_file(instance, path)  # also of a guest that has ended
        return super().get_console_output(context, instance)

    def _last_line(self, instance):
        path = self._get_console_log_path(instance)
        lines = self._get_console_output_file(instance, path).decode('ascii', 'replace').split('\n')
        last = next((line.strip() for line in reversed(lines) if line.strip()), '(none)')
        return ''.join(char if char.isprintable() else '?' for char in last[-LAST_WORDS:])

    # -- a unikernel has no shutdown to wait for

    def power_off(self, instance, timeout=0, retry_interval=0):
        if is_unikernel(instance):
            timeout = 0
            if instance.task_state == task_states.RESCUING:
                return  # rescue() comes next: what it refuses leaves the guest running
        super().power_off(instance, timeout, retry_interval)

    def reboot(self, context, instance, network_info, reboot_type, *args, **kwargs):
        if is_unikernel(instance):
            reboot_type = 'HARD'
            # Before the guest is stopped: it goes on as it was.
            self._check_validity(instance, properties.stored_properties(instance.system_metadata)
                                 .get(properties.NOT_AFTER))
        return super().reboot(context, instance, network_info, reboot_type, *args, **kwargs)

    def migrate_disk_and_power_off(self, context, instance, dest, flavor, *args, **kwargs):
        if is_unikernel(instance):
            try:
                image = properties.read_image(instance.system_metadata)
                properties.check_memory(image, flavor.memory_mb)
                properties.check_validity(image.stored.get(properties.NOT_AFTER), now())
            except Refused as refused:  # the server goes on as it was
                raise exception.InstanceFaultRollback(exception.ResizeError(reason=str(refused))) from refused
        return super().migrate_disk_and_power_off(context, instance, dest, flavor, *args, **kwargs)

    # -- what there is no disk, driver or second device for

    def snapshot(self, context, instance, image_id, update_task_state):
        if not is_unikernel(instance):
            return super().snapshot(context, instance, image_id, update_task_state)
        # All of a unikernel's lasting state is its image: that is what the snapshot holds.
        self._check_kernel(context, instance)
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        update_task_state(task_state=task_states.IMAGE_UPLOADING,
                          expected_state=task_states.IMAGE_PENDING_UPLOAD)
        metadata = {'disk_format': 'raw', 'container_format': 'bare', 'properties': {'kernel_id': image_id}}
        path = os.path.join(libvirt_utils.get_instance_path(instance), 'kernel')
        with open(path, 'rb') as kernel:
            self._image_api.update(context, image_id, metadata, kernel, purge_props=False)

    def rescue(self, context, instance, network_info, image_meta, rescue_password, block_device_info, *args, **kwargs):
        if not is_unikernel(instance):
            return super().rescue(context, instance, network_info, image_meta, rescue_password, block_device_info,
                                  *args, **kwargs)
        # Rescue starts a server's original image beside the disk that is to be repaired.  Here that
        # image is all there is, so this is a start from verified bytes; unrescue has nothing to undo.
        if image_meta.id not in (instance.image_ref, instance.system_metadata.get('image_base_image_ref')):
            raise exception.InstanceNotRescuable(
                instance_id=instance.uuid, reason='a unikernel is rescued by its own image alone, and it still runs: '
                '"openstack server reboot --hard" clears the error')
        return self.reboot(context, instance, network_info, 'HARD', block_device_info=block_device_info)

    def unrescue(self, context, instance):
        if not is_unikernel(instance):
            super().unrescue(context, instance)

    # Nova asks for these two before it makes a port or a volume's record: refused here, users are told
    # why; later, Nova would say no more than that something failed.

    def network_binding_host_id(self, context, instance):
        if is_unikernel(instance) and instance.vm_state != vm_states.BUILDING:
            raise exception.AttachInterfaceNotSupported(
                f'Server {instance.uuid} is a unikernel: say its port when it is created; none is added later.')
        return super().network_binding_host_id(context, instance)

    def get_device_name_for_instance(self, instance, *args, **kwargs):
        if is_unikernel(instance):
            raise exception.InvalidInput(reason=f'server {instance.uuid} is a unikernel and has no driver for volumes')
        return super().get_device_name_for_instance(instance, *args, **kwargs)

    def attach_interface(self, context, instance, *args, **kwargs):
        if is_unikernel(instance):
            raise exception.AttachInterfaceNotSupported(instance_uuid=instance.uuid)
        return super().attach_interface(context, instance, *args, **kwargs)

    def detach_interface(self, context, instance, *args, **kwargs):
        if is_unikernel(instance):
            raise exception.InterfaceDetachFailed(instance_uuid=instance.uuid)
        return super().detach_interface(context, instance, *args, **kwargs)

    def attach_volume(self, context, connection_info, instance, *args, **kwargs):
        if is_unikernel(instance):
            raise exception.Invalid(f'Instance {instance.uuid} is a unikernel: it has no driver for volumes.')
        return super().attach_volume(context, connection_info, instance, *args, **kwargs)

    # -- scheduling

    def update_provider_tree(self, provider_tree, nodename, *args, **kwargs):
        super().update_provider_tree(provider_tree, nodename, *args, **kwargs)
        provider_tree.add_traits(nodename, properties.TRAIT, *properties.PLATFORM_TRAITS.values())
