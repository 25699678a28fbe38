# SPDX-License-Identifier: Apache-2.0
import datetime

import pytest
import small_image
from unikernel_nova import artifact
from unikernel_nova import properties
from unikernel_nova.refusal import Refused

IMAGE_ID = '3a0c9f6c-2b83-4a2d-9a3c-0c6c1b0e7a11'


def read(stored):
    return properties.read_image({f'image_{name}': value for name, value in stored.items()})


@pytest.fixture(name='found')
def fixture_found():
    return artifact.verify(small_image.make())


def test_what_is_derived_is_read_back_and_agrees(found):
    stored = properties.derive(found)
    image = read(stored)
    assert (image.platform, image.command_line, image.minimum_memory_mib) == ('u0', 'u0', 8)
    properties.check_agreement(image, found)


def test_every_derived_property_is_compared(found):
    stored = properties.derive(found)
    for name in stored:
        if name == 'unikernel_platform':
            continue  # another platform is refused before the bytes are looked at
        wrong = dict(stored, **{name: '9'})
        with pytest.raises(Refused, match='9'):
            properties.check_agreement(read(wrong), found)


def test_a_limit_that_only_the_properties_have_is_refused():
    found = artifact.verify(small_image.make(small_image.description(not_after=None)))
    stored = properties.derive(found)
    assert 'unikernel_not_after' not in stored
    properties.check_agreement(read(stored), found)
    with pytest.raises(Refused, match='has no such limit'):
        properties.check_agreement(read(dict(stored, unikernel_not_after='2099-12-31T23:59:59Z')), found)


@pytest.mark.parametrize('now, over', [
    ('2026-11-30T23:59:59', False), ('2026-12-01T00:00:00', True), ('2027-01-01T00:00:00', True)])
def test_an_image_is_over_from_the_second_on_that_it_names(now, over):
    time = datetime.datetime.fromisoformat(now + '+00:00')
    properties.check_validity('', time)
    properties.check_validity(None, time)
    if not over:
        properties.check_validity('2026-12-01T00:00:00Z', time)
        return
    with pytest.raises(Refused, match=f'valid until 2026-12-01T00:00:00Z, and now it is {now}Z: rebuild'):
        properties.check_validity('2026-12-01T00:00:00Z', time)


@pytest.mark.parametrize('text', ['tomorrow', '2026-12-01', '2026-12-01T00:00:00+02:00', '2026-13-01T00:00:00Z'])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(Refused, match='is no time such as'):
        properties.check_validity(text, datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc))


def test_no_value_is_longer_than_nova_keeps():
    modules = [{'name': f'module-number-{n}', 'version': '1.0.0'} for n in range(60)]
    found = artifact.verify(small_image.make(small_image.description(modules=modules)))
    values = properties.derive_all(found, IMAGE_ID)
    assert all(len(value.encode()) <= 255 for value in values.values())
    assert 'unikernel_modules' not in values
    properties.check_agreement(read(properties.derive(found)), found)


def test_an_image_is_its_own_kernel_and_needs_a_capable_host(found):
    values = properties.derive_all(found, IMAGE_ID)
    assert values['kernel_id'] == IMAGE_ID
    assert values['trait:CUSTOM_UNIKERNEL'] == values['trait:CUSTOM_UNIKERNEL_U0'] == 'required'
    assert 'hw_rng_model' not in values


def test_random_numbers_of_the_host_are_asked_for_by_images_that_drive_them():
    modules = [{'name': 'virtio-rng', 'version': '1.0.0'}]
    found = artifact.verify(small_image.make(small_image.description(modules=modules)))
    assert properties.derive_all(found, IMAGE_ID)['hw_rng_model'] == 'virtio'
    assert read(properties.derive(found)).drives('virtio-rng')


def test_ordinary_images_are_not_touched():
    assert not properties.is_unikernel({'image_os_distro': 'debian', 'image_kernel_id': IMAGE_ID})
    assert properties.is_unikernel({'image_unikernel_platform': 'u0'})


def test_a_source_bundle_never_boots():
    metadata = {'image_unikernel_source': 'bundle'}
    assert properties.is_unikernel(metadata)
    with pytest.raises(Refused, match='still is source'):
        properties.read_image(metadata)
    # ... also if somebody types in a platform
    with pytest.raises(Refused, match='still is source'):
        properties.read_image(dict(metadata, image_unikernel_platform='u0'))


@pytest.mark.parametrize('changes, reason', [
    ({'unikernel_digest': ''}, 'lacks the properties unikernel_digest'),
    ({'unikernel_command_line': ''}, 'lacks the properties unikernel_command_line'),
    ({'unikernel_platform': 'osv'}, 'this driver boots u0'),
    ({'unikernel_minimum_memory_mib': '-1'}, 'no positive whole number'),
    ({'unikernel_minimum_memory_mib': '1e3'}, 'no positive whole number'),
    ({'unikernel_minimum_memory_mib': '0'}, 'no positive whole number'),
    ({'unikernel_minimum_memory_mib': '\u0664'}, 'no positive whole number'),
])
def test_wrong_properties_are_named(found, changes, reason):
    with pytest.raises(Refused, match=reason):
        read(dict(properties.derive(found), **changes))


def test_too_small_a_flavor_is_refused_with_both_numbers(found):
    image = read(properties.derive(found))
    properties.check_memory(image, 8)
    with pytest.raises(Refused, match='at least 8 MiB of memory; the flavor has 7 MiB'):
        properties.check_memory(image, 7)
