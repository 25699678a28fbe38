# SPDX-License-Identifier: Apache-2.0
"""Images with an end: renewed before it, refused after it by driver, guest and Glance.

In the line's fixture a minute begins at whose end an image is over; the tests are in the order of what happens in it.
"""
import contextlib
import datetime
import time

import openstack
import pytest
from lines import ENDED, Line, states
from servers import http_status, must_answer, until

LEAST = 60  # seconds that a requirement may let an image live
NAME = 'test-validity'
SLACK = 2.5  # seconds, for a guest that looks at its clock once a second and a machine under test


def moment(text):
    return datetime.datetime.fromisoformat(text).timestamp()


def not_after(image):
    return image.properties['unikernel_not_after']


@pytest.fixture(scope='module', name='line')
def fixture_line():
    """Two servers that a rollout has given an image with an end; one of them is pinned then."""
    begun = time.time()
    with contextlib.closing(Line()) as line:
        line.renewed, line.pinned = line.servers({'name': 'renewed'}, {'name': 'pinned'})
        line.valid = max(LEAST, int(2 * (time.time() - begun)))  # more on a machine that is slow today
        line.builder.requirements.create({
            'name': NAME, 'applies_to': {'everything': True}, 'validity': f'{line.valid}s', 'rollout': {
                'parallel': 2, 'within': '60s', 'health': [{'http': {'path': '/', 'status': 200}}]}})
        rollout = line.ended(1)
        assert rollout['state'] == 'succeeded' and set(states(rollout).values()) == {'replaced'}, rollout
        line.user.compute.set_server_metadata(line.pinned, **{'unikernel:pinned': 'true'})
        line.build, line.image_id = line.builder.builds.get(rollout['build']), rollout['image_id']
        line.end = not_after(line.images()[line.image_id])
        yield line


@pytest.fixture(scope='module', name='over')
def fixture_over(shared_bench, plain_file):
    """An image that its properties say is over."""
    return shared_bench.image(plain_file, unikernel_not_after='2026-01-01T00:00:00Z')


def test_a_server_is_not_created_from_an_image_that_is_over(bench, over):
    server = bench.create(over)
    bench.must_become(server, 'ERROR')
    assert 'it was valid until' in bench.fault(server) and 'rebuild the server from' in bench.fault(server)
    until(lambda: not bench.remains(server), 'nothing is left on the host while the server is still listed')


def test_nor_rebuilt_to_it(bench, plain, over):
    server = bench.server(plain)
    bench.act(server, 'rebuild', {'imageRef': over})
    bench.must_become(server, 'ERROR')
    assert 'it was valid until' in bench.fault(server), bench.fault(server)
    bench.act(server, 'rebuild', {'imageRef': plain})
    until(lambda: bench.show(server).status == 'ACTIVE', 'a rebuild to a good one has cleared the error', 60)
    must_answer(bench.address(server))


def test_image_and_console_tell_until_when_it_serves(line):
    assert moment(line.end) == pytest.approx(moment(line.build['created']) + line.valid, abs=1)
    for server in (line.renewed, line.pinned):
        must_answer(line.user.address(server))
        assert f'this image is valid until {line.end}' in line.user.console(server)


def test_the_loop_renews_it_before_its_end(line):
    def renewal():
        found = line.rollouts()
        return len(found) > 1 and found[-2]['state'] in ENDED and found[-2]
    rollout = until(renewal, 'it is renewed')
    assert time.time() < moment(line.end)
    assert rollout['state'] == 'succeeded' and line.end in rollout['cause'], rollout
    assert states(rollout) == {line.renewed: 'replaced', line.pinned: 'pinned'}
    images = line.images()
    over, renewed = images[line.image_id], images[rollout['image_id']]
    assert over.is_hidden and over.status == 'active' and not renewed.is_hidden
    assert moment(not_after(renewed)) >= moment(line.end) + line.valid / 2
    assert line.image(line.renewed) == renewed.id and line.image(line.pinned) == over.id


def test_a_server_that_was_not_renewed_stops_at_its_second(line):
    address, served = line.user.address(line.pinned), 0
    while time.time() < moment(line.end) + SLACK:
        asked = time.time()
        if http_status(address) == 200:
            served = asked
        time.sleep(0.05)
    assert abs(served - moment(line.end)) < SLACK
    must_answer(line.user.address(line.renewed))
    console = line.someone.command('console', 'log', 'show', line.pinned)
    assert console.returncode == 0, console
    assert f'this image was valid until {line.end}; it refuses to serve' in console.stdout
    assert line.user.show(line.pinned).status == 'ACTIVE'


def test_after_its_end_it_is_deactivated_and_boots_no_server(line):
    images = line.user.connection.image
    until(lambda: images.get_image(line.image_id).status == 'deactivated', 'Glance has it deactivated')
    with pytest.raises(openstack.exceptions.HttpException, match='active'):
        line.user.create(line.image_id, 'u1.nano')


def test_its_server_is_not_started_again(line, shared_bench):
    line.user.act(line.pinned, 'os-stop')
    line.user.must_become(line.pinned, 'SHUTOFF')
    line.user.act(line.pinned, 'os-start')
    until(lambda: ('compute_start_instance', 'Error') in shared_bench.events(line.pinned).get('start', ()),
          'its start has failed')
    line.user.must_become(line.pinned, 'SHUTOFF')


def test_the_report_tells_of_it(line):
    found = {server['id']: server for server in line.builder.compliance.get()['servers']}
    assert found[line.renewed]['compliant']
    assert f'its image expired at {line.end}' in found[line.pinned]['reason'], found
