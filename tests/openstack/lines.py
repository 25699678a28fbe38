# SPDX-License-Identifier: Apache-2.0
"""A line of images that the builder keeps as its requirements want it, and servers of it, in a project of its own."""
import pathlib
import uuid

from bundles import packed
from servers import ROOT, Workbench, until
from services import Someone
from unikernelclient.client import Client

ENDED = ('succeeded', 'failed', 'aborted', 'superseded')
PASSWORD = 'only-for-this-test'


def guard(name, realm='staff', path='/private', **rest):
    """A requirement: who asks for `path` of a server of tier web needs credentials, for this realm."""
    return {'name': name, 'applies_to': {'labels': {'tier': 'web'}}, 'modules': {'http-guard': {
        'unlisted': 'allow', 'realm': realm, 'resources': [{'path': path, 'accept': ['staff']}],
        'credentials': [{'name': 'staff', 'kind': 'basic', 'user': 'staff', 'secret': {'plain': PASSWORD}}]}}, **rest}


def states(rollout):
    """{server: state in it}"""
    return {server['id']: server['state'] for server in rollout['servers']}


class Line:
    """`user`: a Workbench; `builder`: the builder's client of the same user, who may keep requirements; `name` and
    `first`: of its Glance images, and the one that it begins with."""

    def __init__(self, *requirements, folder: pathlib.Path = ROOT / 'examples/hello-web'):
        self.someone = Someone(('member', 'manager'))
        self.user = Workbench(self.someone.connect())
        self.builder = Client(self.user.connection.session, region_name='RegionOne')
        self.user.undo(self._forget)
        self.name = f'test-{uuid.uuid4().hex[:8]}'
        try:
            self.first = self._build(requirements, folder)
        except BaseException:
            self.close()
            raise

    def _build(self, requirements, folder):
        """The Glance image that the line begins with."""
        for requirement in requirements:
            self.builder.requirements.create(requirement)
        build = self.builder.builds.wait(
            self.builder.builds.create(self.builder.bundles.create(packed(folder)), publish={'name': self.name})['id'])
        assert build['state'] == 'succeeded', build
        return build['publish']['image_id']

    def servers(self, *wanted):
        """The identifiers of servers of the first image, one for each dictionary of fields; all are ACTIVE."""
        made = [self.user.create(self.first, 'u1.nano', **fields) for fields in wanted]
        for server in made:
            self.user.must_become(server, 'ACTIVE')
        return made

    def image(self, server):
        return self.user.show(server).image.id

    def images(self):
        """All of the project in Glance: {identifier: image}."""
        return {image.id: image for hidden in (False, True) for image in self.user.connection.image.images(
            owner=self.someone.project.id, is_hidden=hidden)}

    def rollouts(self):
        """Newest first."""
        return self.builder.rollouts.list()

    def rollout(self, count):
        """The newest, once there are so many."""
        found = self.rollouts()
        return len(found) >= count and found[0]

    def ended(self, count):
        """Waits until there are so many rollouts, and the newest has ended."""
        def done():
            found = self.rollout(count)
            return found and found['state'] in ENDED and found
        return until(done, f'{count} rollouts have ended')

    def _forget(self):
        """What has no image and no server is not built anew."""
        for rollout in self.rollouts():
            if rollout['state'] not in ENDED:
                self.builder.rollouts.abort(rollout['id'])
        for image in self.builder.images.list():
            self.builder.images.delete(image['digest'])
        for requirement in self.builder.requirements.list():
            self.builder.requirements.delete(requirement['name'])
        for image in self.images():
            self.user.connection.image.delete_image(image)

    def close(self):
        try:
            self.user.close()
        finally:
            self.someone.close()
