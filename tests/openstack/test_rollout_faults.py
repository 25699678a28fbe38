# SPDX-License-Identifier: Apache-2.0
"""What goes wrong while servers are being replaced: Nova refuses, people change their minds, the builder dies."""
import contextlib
import pathlib

import pytest
from lines import Line, guard, states
from servers import must_answer, until
from services import kill, service

NAME = 'test-guard'
HEALTH = {'health': [{'http': {'path': '/', 'status': 200}}], 'within': '120s'}
POLICY = pathlib.Path('/etc/nova/policy.yaml')


def wanted(realm, **rollout):
    return guard(NAME, realm, rollout={**HEALTH, **rollout})


@pytest.fixture(scope='module', name='line')
def fixture_line():
    with contextlib.closing(Line(wanted('first'))) as line:
        line.both = line.servers({'name': 'one'}, {'name': 'two'})
        yield line


def image_of_both(line):
    """The one image that both servers run, and answer from."""
    for server in line.both:
        line.user.must_become(server, 'ACTIVE')
        must_answer(line.user.address(server), '/private', 401)
    image, = {line.image(server) for server in line.both}
    return image


def must_be_in_compliance(line):
    report = line.builder.compliance.get()
    assert report['compliant'] and {server['id'] for server in report['servers']} == set(line.both), report


def test_nova_refuses_and_later_does_not(line):
    """By its policy.  The servers run on, the rollout says why, and is tried again when it is time."""
    before = image_of_both(line)
    try:
        POLICY.write_text('"os_compute_api:servers:rebuild": "!"\n')
        line.builder.requirements.update(NAME, wanted('second'))
        rollout = line.ended(1)
        assert rollout['state'] == 'failed', rollout
        assert 'Nova answers 403' in rollout['reason'] and 'os_compute_api:servers:rebuild' in rollout['reason']
        assert sorted(states(rollout).values()) == ['failed', 'pending'] and image_of_both(line) == before
    finally:
        POLICY.write_text('{}\n')  # Nova of this release does not bear that the file vanishes
    again = line.ended(2)
    assert again['state'] == 'succeeded' and again['image_id'] == rollout['image_id'], again
    assert image_of_both(line) == rollout['image_id'] and set(line.images()) == {before, rollout['image_id']}
    must_be_in_compliance(line)


def test_a_locked_server_is_its_owners(line):
    """Nova refuses it to its owner; an administrator could, and the builder does not."""
    locked, other = line.both
    before = line.image(locked)
    line.user.act(locked, 'lock')
    line.builder.requirements.update(NAME, wanted('third'))
    assert states(line.ended(3)) == {locked: 'pinned', other: 'replaced'} and line.image(locked) == before
    line.user.act(locked, 'unlock')
    assert states(line.ended(4)) == {locked: 'replaced'}
    must_be_in_compliance(line)


def test_a_requirement_is_withdrawn_in_mid_rollout(line):
    """The server that has the new image is given the old one back, the other never gets it."""
    before = image_of_both(line)
    line.builder.requirements.create({
        'name': 'test-slow-console', 'applies_to': {'everything': True}, 'modules': {'console': {'speed': 9600}},
        'rollout': {**HEALTH, 'pause': '60s'}})
    until(lambda: (now := line.rollout(5)) and 'replaced' in states(now).values(), 'one is replaced')
    line.builder.requirements.delete('test-slow-console')
    back, given_up = line.ended(6), line.rollouts()[1]
    assert given_up['state'] == 'superseded' and sorted(states(given_up).values()) == ['pending', 'replaced'], given_up
    assert back['state'] == 'succeeded' and list(states(back).values()) == ['replaced'], back
    assert image_of_both(line) == back['image_id'] == before and not line.images()[before].is_hidden
    must_be_in_compliance(line)


def test_the_builder_is_killed_in_the_middle(line):
    """While it builds, and while a server is replaced: in the end there is one image, and both servers run it."""
    images = set(line.images())
    rollouts = len(line.rollouts())
    line.builder.requirements.update(NAME, wanted('fifth'))
    for state in ('building', 'replacing'):
        until(lambda state=state: (now := line.rollout(rollouts + 1)) and now['state'] == state, f'it is {state}')
        kill('unikernel-builder')
        service('start', 'unikernel-builder')
    rollout = line.ended(rollouts + 1)
    assert rollout['state'] == 'succeeded' and set(states(rollout).values()) == {'replaced'}, rollout
    assert image_of_both(line) == rollout['image_id'] and set(line.images()) == images | {rollout['image_id']}
    must_be_in_compliance(line)
