# SPDX-License-Identifier: Apache-2.0
"""The builder or Glance is stopped while an image is being made."""
import uuid

import pytest
from bundles import import_bundle, packed
from servers import ROOT, until
from services import log, service, stopped
from unikernelclient import exceptions


def test_the_door_says_that_the_builder_is_away(builder):
    with stopped('unikernel-builder'):
        with pytest.raises(exceptions.Unavailable, match='does not run or is busy'):
            until(lambda: list(builder.builds.list()), 'never')
    service('restart', 'haproxy')  # that it looks for the builder at once is a test of the door's own
    assert list(builder.builds.list()) == []


def test_a_build_outlives_the_builder(builder):
    digest = builder.bundles.create(packed(ROOT / 'examples/hello-web'))
    asked = builder.builds.create(digest)
    service('stop', 'unikernel-builder')
    service('start', 'unikernel-builder')
    assert until(lambda: _ended(builder, asked['id']), 'the build has ended')['state'] == 'succeeded'


def _ended(builder, build):
    try:
        found = builder.builds.get(build)
    except exceptions.Unavailable:
        return None
    return found if found['state'] not in ('queued', 'running') else None


def test_a_server_needs_no_builder(bench, plain):
    with stopped('unikernel-builder'):
        bench.server(plain)


def test_publishing_waits_for_glance(user, builder):
    digest = builder.bundles.create(packed(ROOT / 'examples/hello-world'))
    name = f'test-{uuid.uuid4().hex[:8]}'
    with stopped('glance-api'):
        asked = builder.builds.create(digest, publish={'name': name})
        until(lambda: builder.builds.get(asked['id'])['phase'] == 'publish', 'it is to be published')
    build = until(lambda: _ended(builder, asked['id']), 'the build has ended')
    assert build['state'] == 'succeeded', build
    found = list(user.connection.image.images(name=name))
    assert [(image.id, image.status) for image in found] == [(build['publish']['image_id'], 'active')]
    user.undo(user.connection.image.delete_image, found[0].id, ignore_missing=True)


def test_an_import_waits_for_the_builder_and_then_says_that_it_is_away(user):
    with stopped('unikernel-builder'):
        image, task = import_bundle(user, packed(ROOT / 'examples/hello-world'))
        assert task['status'] == 'failure' and 'does not run' in task['message'], task
    assert user.connection.image.get_image(image.id).status == 'queued'
    assert 'Traceback' not in task['message'] and image.id in log('glance-api')


@pytest.mark.parametrize('name', ['a\nb', 'a\0b', '\x1b[31mred'])
def test_names_with_control_characters_are_refused(builder, name):
    digest = builder.bundles.create(packed(ROOT / 'examples/hello-world'))
    with pytest.raises(exceptions.BadRequest):
        builder.builds.create(digest, publish={'name': name})
