# SPDX-License-Identifier: Apache-2.0
"""Image properties of unikernels: what they say, how they follow from an artifact, whether they agree with it.

The names are documented in doc/source/contributor/image-properties.rst.  Nova keeps properties
that it does not know in an instance's system metadata, as ``image_<name>``, cut off at 255 bytes;
so no value here is longer.
"""
import dataclasses
import datetime

from unikernel_nova.refusal import Refused

PREFIX = 'unikernel_'
MAX_VALUE = 255  # bytes
METADATA_PREFIX = 'image_'

NOT_AFTER = 'unikernel_not_after'
TIME_FORMAT = '%Y-%m-%dT%H:%M:%SZ'  # RFC 3339, in UTC and whole seconds

# Without these an image does not boot.
REQUIRED = ('unikernel_platform', 'unikernel_digest', 'unikernel_command_line', 'unikernel_minimum_memory_mib')

TRAIT = 'CUSTOM_UNIKERNEL'
# Platforms whose images this driver boots, each a trait of its own.
PLATFORM_TRAITS = {'u0': 'CUSTOM_UNIKERNEL_U0'}


@dataclasses.dataclass(frozen=True)
class UnikernelImage:
    """What an instance's image properties say, before anybody has looked at the bytes."""
    platform: str
    digest: str
    command_line: str  # the syntax of the kernel's command line
    minimum_memory_mib: int
    stored: dict  # every unikernel_* property

    def drives(self, device):
        """Whether it has a driver for the device, as the device's module is named ("virtio-rng")."""
        return any(device in self.stored.get(name, '').split(',')
                   for name in ('unikernel_devices', 'unikernel_modules'))


def stored_properties(system_metadata):
    """The unikernel_* properties of an instance's image, from the instance's system metadata."""
    prefix = METADATA_PREFIX + PREFIX
    return {key[len(METADATA_PREFIX):]: value for key, value in system_metadata.items() if key.startswith(prefix)}


def is_unikernel(system_metadata):
    """Whether the image says of itself that it is a unikernel, or is to become one."""
    return (METADATA_PREFIX + 'unikernel_platform' in system_metadata
            or METADATA_PREFIX + 'unikernel_source' in system_metadata)


def read_image(system_metadata):
    """The UnikernelImage of an instance; raises Refused if the properties do not describe a bootable one."""
    stored = stored_properties(system_metadata)
    if 'unikernel_digest' not in stored and stored.get('unikernel_source'):
        raise Refused(f"it still is source (unikernel_source={stored['unikernel_source']}): "
                      'import it, so that it is built, before a server is created from it')
    missing = [name for name in REQUIRED if not stored.get(name)]
    if missing:
        raise Refused(f'it lacks the properties {", ".join(missing)}')
    if stored['unikernel_platform'] not in PLATFORM_TRAITS:
        raise Refused(f"unikernel_platform={stored['unikernel_platform']}: "
                      f'this driver boots {", ".join(sorted(PLATFORM_TRAITS))}')
    return UnikernelImage(
        platform=stored['unikernel_platform'], digest=stored['unikernel_digest'],
        command_line=stored['unikernel_command_line'],
        minimum_memory_mib=_positive(stored, 'unikernel_minimum_memory_mib'), stored=stored)


def _positive(stored, name):
    value = stored[name]
    if not (value.isascii() and value.isdigit() and 0 < int(value) < 2 ** 31):
        raise Refused(f'{name}={value!r} is no positive whole number')
    return int(value)


def derive(artifact):
    """The unikernel_* properties that follow from a verified artifact; what would be over 255 bytes is left out."""
    description = artifact.description
    properties = {
        'unikernel_format': str(description['format']),
        'unikernel_name': description['name'],
        'unikernel_platform': description['platform'],
        'unikernel_digest': artifact.digest,
        'unikernel_boot': ','.join(description['boot']),
        'unikernel_command_line': description['command_line'],
        'unikernel_devices': ','.join(description['devices']),
        'unikernel_minimum_memory_mib': str(description['minimum_memory_mib']),
        'unikernel_modules': ','.join(module['name'] for module in description['modules']),
        'unikernel_configuration_digest': description.get('configuration_digest', ''),
        'unikernel_plan_digest': description.get('plan_digest', ''),
        'unikernel_not_after': description.get('not_after', ''),
    }
    return {name: value for name, value in properties.items() if value and len(value.encode()) <= MAX_VALUE}


def derive_all(artifact, image_id):
    """`derive`, and the properties that Nova and Glance know: everything an image of this artifact should carry.

    image_id: the identifier that the image has or will have in Glance; it is its own kernel.
    """
    platform = artifact.description['platform']
    properties = derive(artifact)
    properties.update({
        'kernel_id': image_id,
        'architecture': artifact.description['architecture'],
        'os_distro': platform,
        'os_shutdown_timeout': '0',  # seconds; there is nothing to shut down
        'hw_vif_model': 'virtio',
        'hw_video_model': 'none',
        f'trait:{TRAIT}': 'required',
    })
    if 'virtio-rng' in properties.get('unikernel_modules', '').split(','):
        properties['hw_rng_model'] = 'virtio'
    if platform in PLATFORM_TRAITS:
        properties[f'trait:{PLATFORM_TRAITS[platform]}'] = 'required'
    return properties


def check_agreement(image, artifact):
    """Raises Refused unless every property that follows from the bytes says what the bytes say."""
    if artifact.digest != image.digest:
        raise Refused(f'its digest is {artifact.digest}, but unikernel_digest says {image.digest}')
    derived = derive(artifact)
    for name, value in sorted(derived.items()):
        if name in image.stored and image.stored[name] != value:
            raise Refused(f'{name}={image.stored[name]!r}, but the image itself says {value!r}')
    if image.stored.get(NOT_AFTER) and NOT_AFTER not in derived:
        raise Refused(f'{NOT_AFTER}={image.stored[NOT_AFTER]!r}, but the image itself has no such limit')


def check_validity(not_after, now):
    """Raises Refused if an image's time is over.

    not_after: of the properties or the note, "" or None for an image without a limit.
    now: an aware datetime.
    """
    if not not_after:
        return
    try:
        limit = datetime.datetime.strptime(not_after, TIME_FORMAT).replace(tzinfo=datetime.timezone.utc)
    except ValueError as error:
        raise Refused(f'{NOT_AFTER}={not_after!r} is no time such as 2026-12-01T00:00:00Z') from error
    if now >= limit:
        raise Refused(f'it was valid until {not_after}, and now it is {now:{TIME_FORMAT}}: rebuild the server from the '
                      'image that has taken its place')


def check_memory(image, flavor_memory_mib):
    """Raises Refused if the flavor's memory (MiB) is below what the image needs."""
    if flavor_memory_mib < image.minimum_memory_mib:
        raise Refused(f'it needs at least {image.minimum_memory_mib} MiB of memory; '
                      f'the flavor has {flavor_memory_mib} MiB')
