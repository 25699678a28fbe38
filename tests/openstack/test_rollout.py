# SPDX-License-Identifier: Apache-2.0
"""A requirement changes, and the running servers follow: rebuilt by Nova, checked, and brought back if they are ill."""
import contextlib

import pytest
from lines import Line, guard, states
from servers import http_status, must_answer

NAME = 'test-guard'


@pytest.fixture(scope='module', name='line')
def fixture_line():
    """A published build, a server of it, and another one that is pinned."""
    with contextlib.closing(Line()) as line:
        line.server, line.pinned = line.servers({}, {'metadata': {'unikernel:pinned': 'true'}})
        for server in (line.server, line.pinned):
            must_answer(line.user.address(server))
        yield line


def test_a_requirement_reaches_a_running_server_through_nova(line):
    address, ports = line.user.address(line.server), line.user.ports(line.server)
    assert http_status(address, '/private') == 200
    line.builder.requirements.create(guard(NAME))
    rollout = line.ended(1)
    assert rollout['state'] == 'succeeded', rollout
    assert states(rollout) == {line.server: 'replaced', line.pinned: 'pinned'}

    image = line.image(line.server)
    assert image == rollout['image_id'] != line.first
    line.user.must_become(line.server, 'ACTIVE')
    assert (line.user.address(line.server), line.user.ports(line.server)) == (address, ports)
    must_answer(address, '/private', 401)
    assert {found: entry.is_hidden for found, entry in line.images().items()} == {line.first: True, image: False}
    assert line.image(line.pinned) == line.first
    must_answer(line.user.address(line.pinned), '/private')


def test_a_failing_health_check_brings_the_old_image_back(line):
    address, before = line.user.address(line.server), line.image(line.server)
    line.builder.requirements.update(NAME, guard(
        NAME, path='/', rollout={'within': '5s', 'health': [{'http': {'path': '/', 'status': 200}}]}))
    rollout = line.ended(2)
    assert rollout['state'] == 'failed' and 'answers 401, not 200' in str(rollout), rollout
    assert states(rollout)[line.server] == 'returned'
    line.user.must_become(line.server, 'ACTIVE')
    assert line.image(line.server) == before
    must_answer(address)
    must_answer(address, '/private', 401)
