# SPDX-License-Identifier: Apache-2.0
"""From source to a server that answers, as an ordinary user: by a published build, by an import, beside Linux."""
import base64
import os
import pathlib
import uuid

import openstack
import pytest
import yaml
from bundles import import_bundle, packed, tar_of
from servers import ROOT, http_status, must_answer

PASSWORD = 'only-for-this-test'
GUARD = {'name': 'test-staff-only', 'applies_to': {'labels': {'tier': 'web'}}, 'modules': {'http-guard': {
    'unlisted': 'allow', 'realm': 'staff', 'resources': [{'path': '/private', 'accept': ['staff']}],
    'credentials': [{'name': 'staff', 'kind': 'basic', 'user': 'staff', 'secret': {'plain': PASSWORD}}]}}}


def basic(password):
    return 'Basic ' + base64.b64encode(f'staff:{password}'.encode()).decode()


def must_be_guarded(address):
    must_answer(address)
    assert http_status(address, '/private') == 401
    assert http_status(address, '/private', basic('wrong')) == 403
    assert http_status(address, '/private', basic(PASSWORD)) == 200


def test_a_build_under_a_stored_requirement_is_published_and_boots(user, builder):
    builder.requirements.create(GUARD)
    user.undo(builder.requirements.delete, GUARD['name'])
    digest = builder.bundles.create(packed(ROOT / 'examples/hello-web'))
    name = f'test-{uuid.uuid4().hex[:8]}'
    asked = builder.builds.create(digest, requirements=[GUARD['name']], publish={'name': name, 'visibility': 'private'})
    build = builder.builds.wait(asked['id'])
    assert build['state'] == 'succeeded', build
    image = user.connection.image.get_image(build['publish']['image_id'])
    user.undo(user.connection.image.delete_image, image.id, ignore_missing=True)
    assert (image.name, image.status, image.owner_id) == (name, 'active', user.connection.current_project_id)
    found = user.connection.image.get(f'/images/{image.id}').json()
    assert found['kernel_id'] == image.id and found['unikernel_build'] == build['id']
    assert found['unikernel_digest'] == build['image'] and 'http-guard' in found['unikernel_modules'].split(',')
    must_be_guarded(user.address(user.server(image.id, 'u1.nano')))


def test_an_imported_bundle_becomes_the_image(user):
    image, task = import_bundle(user, packed(ROOT / 'examples/hello-web'))
    assert task['status'] == 'success', task
    found = user.connection.image.get(f'/images/{image.id}').json()
    assert (found['status'], found['kernel_id']) == ('active', image.id) and 'unikernel_source' not in found
    user.server(image.id, 'u1.nano')


def test_an_imported_bundle_that_does_not_compile_says_why(user):
    files = {'unikernel.yaml': yaml.safe_dump({'name': 'broken', 'platform': 'u0', 'application': {
        'sources': ['main.cc'], 'language': 'c++20'}}), 'main.cc': 'int main() { return nonsense; }\n'}
    image, task = import_bundle(user, tar_of(files))
    assert task['status'] == 'failure' and 'nonsense' in task['message'], task
    assert user.connection.image.get_image(image.id).status == 'queued'
    with pytest.raises(openstack.exceptions.HttpException):
        user.create(image.id, 'u1.nano')


def test_an_ordinary_server_beside_it(bench, plain):
    if 'UNIKERNEL_LINUX_IMAGE' not in os.environ:
        pytest.skip('UNIKERNEL_LINUX_IMAGE does not name a folder that linux_image.py has made; in here is no network')
    files = pathlib.Path(os.environ['UNIKERNEL_LINUX_IMAGE'])
    parts = {name: bench.plain_image((files / name).read_bytes(), f'test-linux-{name}', disk_format=kind,
                                     container_format=kind)
             for name, kind in (('kernel', 'aki'), ('ramdisk', 'ari'))}
    image = bench.plain_image((files / 'disk').read_bytes(), 'test-linux', kernel_id=parts['kernel'],
                              ramdisk_id=parts['ramdisk'], os_command_line='console=ttyS0 quiet')
    unikernel, linux = bench.server(plain), bench.server(image, 'u1.small')
    assert 'linux: ready' in bench.console(linux)
    must_answer(bench.address(unikernel))
