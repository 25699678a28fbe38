# SPDX-License-Identifier: Apache-2.0
"""A requirement changes, and the running servers follow: rebuilt by Nova, checked, and brought back if they are ill."""
import uuid

import pytest
from bundles import packed
from servers import ROOT, http_status, must_answer, until
from unikernelclient.transport import Transport

RULES = {'unlisted': 'allow', 'realm': 'staff'}
SECRET = {'name': 'staff', 'kind': 'basic', 'user': 'staff', 'secret': {'plain': 'only-for-this-test'}}


def guard(path, **rest):
    """A requirement: who asks for `path` of a server of tier web needs credentials."""
    return {'name': 'test-guard', 'applies_to': {'labels': {'tier': 'web'}}, 'modules': {'http-guard': {
        **RULES, 'resources': [{'path': path, 'accept': ['staff']}], 'credentials': [SECRET]}}, **rest}


class Line:
    """What the tests have: a published build, a server of it, and another one that is pinned."""

    def __init__(self, user, builder):
        self.user, self.builder = user, builder
        self.transport = Transport(user.connection.session, region_name='RegionOne')
        digest = builder.bundles.create(packed(ROOT / 'examples/hello-web'))
        asked = builder.builds.create(digest, publish={'name': f'test-{uuid.uuid4().hex[:8]}'})
        build = builder.builds.wait(asked['id'])
        assert build['state'] == 'succeeded', build
        self.first = self.keep(build['publish']['image_id'])
        self.server = user.create(self.first, 'u1.nano')
        self.pinned = user.create(self.first, 'u1.nano', metadata={'unikernel:pinned': 'true'})
        for server in (self.server, self.pinned):
            user.must_become(server, 'ACTIVE')
            must_answer(user.address(server))

    def keep(self, image):
        """Has an image deleted in the end."""
        self.user.undo(self.user.connection.image.delete_image, image, ignore_missing=True)
        return image

    def image(self, server):
        return self.user.show(server).image.id

    def is_hidden(self, image):
        return self.user.connection.image.get_image(image).is_hidden

    def ended(self, count):
        """The newest rollout, once there are so many and it has ended."""
        rollouts = self.transport.json('GET', '/v1/rollouts')['rollouts']
        last = max(rollouts, key=lambda each: each['created'], default=None)
        return len(rollouts) >= count and last['state'] in ('succeeded', 'failed', 'aborted') and last


@pytest.fixture(scope='module', name='line')
def fixture_line():
    import services  # pylint: disable=import-outside-toplevel
    from servers import Workbench  # pylint: disable=import-outside-toplevel
    from unikernelclient.client import Client  # pylint: disable=import-outside-toplevel
    someone = services.Someone(('member', 'manager'))
    user = Workbench(someone.connect())
    yield Line(user, Client(user.connection.session, region_name='RegionOne'))
    user.close()
    someone.close()


def states(rollout):
    return {server['id']: server['state'] for server in rollout['servers']}


def test_a_requirement_reaches_a_running_server_through_nova(line):
    address, ports = line.user.address(line.server), line.user.ports(line.server)
    assert http_status(address, '/private') == 200
    line.builder.requirements.create(guard('/private'))
    line.user.undo(line.builder.requirements.delete, 'test-guard')
    rollout = until(lambda: line.ended(1), 'the rollout has ended')
    assert rollout['state'] == 'succeeded', rollout
    assert states(rollout) == {line.server: 'replaced', line.pinned: 'pinned'}

    image = line.keep(line.image(line.server))
    assert image == rollout['image_id'] != line.first
    line.user.must_become(line.server, 'ACTIVE')
    assert (line.user.address(line.server), line.user.ports(line.server)) == (address, ports)
    must_answer(address, '/private', 401)
    assert line.is_hidden(line.first) and not line.is_hidden(image)
    assert line.image(line.pinned) == line.first
    must_answer(line.user.address(line.pinned), '/private')


def test_a_failing_health_check_brings_the_old_image_back(line):
    address, before = line.user.address(line.server), line.image(line.server)
    line.builder.requirements.update('test-guard', guard(
        '/', rollout={'within': '5s', 'health': [{'http': {'path': '/', 'status': 200}}]}))
    rollout = until(lambda: line.ended(2), 'the rollout has ended')
    line.keep(rollout['image_id'])
    assert rollout['state'] == 'failed' and 'answers 401, not 200' in str(rollout), rollout
    assert states(rollout)[line.server] == 'returned'
    line.user.must_become(line.server, 'ACTIVE')
    assert line.image(line.server) == before
    must_answer(address)
    must_answer(address, '/private', 401)
