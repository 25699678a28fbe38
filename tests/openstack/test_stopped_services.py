# SPDX-License-Identifier: Apache-2.0
"""A service of the cloud is stopped in the middle of something: what a user is told, and what is left."""
import contextlib

import openstack
import pytest
from servers import must_answer, until
from services import frozen, stopped


def scheduled(bench, image):
    """A server that nova-compute has been asked for; to be called while that stands still."""
    server = bench.create(image)
    until(lambda: 'create' in bench.events(server), 'it is scheduled')
    return server


def must_fail(bench, server, *words):
    bench.must_become(server, 'ERROR')
    fault = until(lambda: bench.fault(server), 'there is a message')
    assert all(word in fault for word in words), fault
    until(lambda: not bench.remains(server), 'nothing is left on the host while the server is still listed')


def test_glance_is_away_when_a_server_is_asked_for(bench, plain):
    with stopped('glance-api'):
        with pytest.raises(openstack.exceptions.HttpException) as error:
            bench.create(plain)
        assert error.value.status_code >= 500
    bench.server(plain)


def test_glance_is_away_when_the_image_is_fetched(bench, plain_file):
    image = bench.image(plain_file)  # of its own: the host has no copy of it
    with contextlib.ExitStack() as later:
        with frozen('nova-compute'):
            server = scheduled(bench, image)
            later.enter_context(stopped('glance-api'))
        must_fail(bench, server, 'Connection to glance host', 'failed')


def test_the_image_is_deleted_before_it_is_fetched(bench, plain_file):
    image = bench.image(plain_file)
    with frozen('nova-compute'):
        server = scheduled(bench, image)
        bench.connection.image.delete_image(image)
    must_fail(bench, server, f'Image {image} could not be found')


def test_a_server_runs_on_without_its_cloud(bench, plain):
    """Nothing of a running unikernel is in the services that made it."""
    server = bench.server(plain)
    with stopped('nova-compute', 'glance-api'):
        must_answer(bench.address(server))
    bench.act(server, 'reboot', {'type': 'HARD'})
    bench.must_become(server, 'ACTIVE')
    must_answer(bench.address(server))
