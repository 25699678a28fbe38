# SPDX-License-Identifier: Apache-2.0
"""The store unikernel:// in a real glance-api, with images of several projects."""
import bundles
import pytest


@pytest.fixture(scope='module', name='image')
def fixture_image(alice):
    """Alice's, imported into the store."""
    task, image = alice.run_import(bundles.hello(), stores=['builder'])
    assert task['status'] == 'success', task
    return image


def upload(person, data):
    """Uploads data into the store; the answer, and the image."""
    image_id = person.create()
    answer = person.upload(image_id, data, **{'X-Image-Meta-Store': 'builder'})
    return answer, person.image(image_id)


def test_an_imported_bundle_is_kept_by_the_builder(alice, builder, image):
    assert image['locations'][0]['url'] == f"unikernel://sha256/{image['unikernel_digest'][7:]}/{image['id']}"
    data = alice.data(image['id'])
    assert len(data) == image['size']
    part = alice.request('GET', f"/{image['id']}/file", headers={'Range': 'bytes=100-299'})
    assert (part.status_code, part.content) == (206, data[100:300])


def test_an_artifact_can_be_uploaded_anew(alice, image):
    data = alice.data(image['id'])
    answer, copy = upload(alice, data)
    assert answer.status_code == 204, answer.text
    assert (copy['status'], copy['checksum']) == ('active', image['checksum'])
    # Neither goes with the other.
    assert alice.request('DELETE', f"/{copy['id']}").status_code == 204
    assert alice.data(image['id']) == data


@pytest.mark.parametrize('data', [bundles.hello(), b'a disk'], ids=['a bundle', 'a disk'])
def test_what_is_no_artifact_is_refused(alice, data):
    answer, image = upload(alice, data)
    assert answer.status_code == 400
    assert 'no unikernel image' in answer.text
    assert image['status'] == 'queued'


def add_location(person, image_id, url):
    """As a user may where show_multiple_locations is set."""
    return person.request('PATCH', f'/{image_id}', json=[
        {'op': 'add', 'path': '/locations/-', 'value': {'url': url, 'metadata': {}}}],
        headers={'Content-Type': 'application/openstack-images-v2.1-json-patch'})


def test_another_projects_image_cannot_be_had_by_its_digest(bob, image):
    image_id = bob.create()
    add_location(bob, image_id, image['locations'][0]['url'])
    assert bob.request('GET', f'/{image_id}/file').status_code >= 400 or not bob.data(image_id)
    assert bob.image(image_id).get('size') is None


def test_a_location_names_no_host(bob):
    image_id = bob.create()
    answer = add_location(bob, image_id, 'unikernel://evil.example/' + '0' * 64)
    assert answer.status_code == 400
