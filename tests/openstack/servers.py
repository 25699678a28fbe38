# SPDX-License-Identifier: Apache-2.0
"""What the tests do with a cloud, from inside its namespaces: images, servers, what they answer, what is left of them.

Everything made by one Workbench vanishes with it, and it complains about what does not.
"""
import contextlib
import hashlib
import http.client
import os
import pathlib
import re
import subprocess
import sys
import time
import uuid

import openstack

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / 'nova_driver')]

# pylint: disable=wrong-import-position
from unikernel_nova import artifact  # noqa: E402
from unikernel_nova import properties  # noqa: E402

PATIENCE = 180  # seconds, for anything that the cloud is asked to do
POLL = 0.2  # seconds
INSTANCES = pathlib.Path('/var/lib/nova/instances')
MAX_IMAGE = 1 << 28  # bytes


def until(condition, what, patience=PATIENCE):
    """The first value of condition() that is true."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f'after {patience} s still not so: {what}'
        time.sleep(POLL)


def http_status(address, path='/', authorization=None, port=80):
    """The status of one HTTP request, or None if there is no answer within 2 s."""
    connection = http.client.HTTPConnection(address, port, timeout=2)
    try:
        connection.request('GET', path, headers={'Authorization': authorization} if authorization else {})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def must_answer(address, path='/', status=200, port=80):
    until(lambda: http_status(address, path, port=port) == status,
          f'http://{address}:{port}{path} answers {status}', 60)


def virsh(*words):
    return subprocess.run(('virsh', '--connect', 'qemu:///system', '--quiet', *words), check=True, timeout=60,
                          stdout=subprocess.PIPE, text=True).stdout


class Workbench:
    """A connection to the cloud, and what was made with it."""

    def __init__(self, connection=None):
        self.connection = connection or openstack.connect()
        self.compute, self.network = self.connection.compute, self.connection.network
        self._undo = contextlib.ExitStack()
        self._made = []  # servers, for the look at what is left

    def undo(self, call, *args, **kwargs):
        """Has it called in the end."""
        self._undo.callback(call, *args, **kwargs)

    # -- images and flavors

    def image(self, file, name=None, **changes):
        """The identifier of a Glance image of `file`, an artifact, with the properties that follow from it.
        Of `changes` each replaces a property, or takes it out with the value None."""
        image_id = str(uuid.uuid4())
        found = artifact.read_artifact(file, MAX_IMAGE)
        values = {'min_ram': found.description['minimum_memory_mib'],
                  **properties.derive_all(found, image_id), **changes}
        return self.plain_image(pathlib.Path(file).read_bytes(), name or pathlib.Path(file).stem, id=image_id,
                                **{key: value for key, value in values.items() if value is not None})

    def plain_image(self, data, name, disk_format='raw', container_format='bare', **fields):
        image = self.connection.image.create_image(
            name=name, disk_format=disk_format, container_format=container_format, allow_duplicates=True,
            data=data, **fields)
        self.undo(self.connection.image.delete_image, image.id, ignore_missing=True)
        return image.id

    def flavor(self, ram, disk=1, **specs):
        """The name of a flavor with `ram` MiB and `disk` GiB."""
        flavor = self.compute.create_flavor(name=f'test-{uuid.uuid4().hex[:8]}', vcpus=1, ram=ram, disk=disk)
        self.undo(self.compute.delete_flavor, flavor.id)
        self.compute.create_flavor_extra_specs(flavor, {'resources:DISK_GB': '0', **specs})
        return flavor.name

    # -- servers

    def create(self, image, flavor='u1.micro', networks=None, **fields):
        """Asks for a server and does not wait for it."""
        networks = networks or [{'uuid': self.network.find_network('public').id}]
        return self.ask(image, self.compute.find_flavor(flavor).id, networks, **fields)

    def ask(self, image, flavor_id, networks, **fields):
        """The same by identifiers alone: one request."""
        server = self.compute.create_server(name=fields.pop('name', 'test'), image_id=image, flavor_id=flavor_id,
                                            networks=networks, **fields)
        self.adopt(server.id)
        return server.id

    def server(self, image, *args, **kwargs):
        """The identifier of a server that is ACTIVE and answers HTTP."""
        server = self.create(image, *args, **kwargs)
        self.must_become(server, 'ACTIVE')
        must_answer(self.address(server))
        return server

    def adopt(self, server):
        """Answers for a server as if it had made it."""
        self._made.append(server)
        self.undo(self._delete, server)

    def show(self, server):
        return self.compute.get_server(server)

    def must_become(self, server, status):
        """Waits until nothing is done with the server any more and it has this status."""
        def settled():
            now = self.show(server)
            if now.status == 'ERROR' != status:
                raise AssertionError(f'server {server} is in ERROR: {self.fault(server)}')
            return now.status == status and not now.task_state
        until(settled, f'server {server} is {status}')

    def fault(self, server):
        """The message of its last fault, as `openstack server show` tells it; '' if there was none."""
        body = self.compute.get(f'/servers/{server}').json()['server']
        return body.get('fault', {}).get('message', '')

    def events(self, server):
        """{action: [(event, result)]} of a server's life; the events are for administrators."""
        path = f'/servers/{server}/os-instance-actions'
        return {action['action']: [
            (event['event'], event['result']) for event in
            self.compute.get(f"{path}/{action['request_id']}").json()['instanceAction'].get('events', ())]
            for action in self.compute.get(path).json()['instanceActions']}

    def address(self, server):
        return next(iter(self.show(server).addresses.values()))[0]['addr']

    def act(self, server, name, arguments=None):
        """One of the server's actions, by its name in the API."""
        answer = self.compute.post(f'/servers/{server}/action', json={name: arguments})
        openstack.exceptions.raise_from_response(answer)
        return answer

    def console(self, server):
        return self.compute.get_server_console_output(server)['output']

    def instance_name(self, server):
        return self.show(server).instance_name

    def domain(self, server):
        """The XML of the server's domain."""
        return virsh('dumpxml', self.instance_name(server))

    def command_line(self, server):
        found = re.search(r'<cmdline>(.*?)</cmdline>', self.domain(server))
        return found.group(1) if found else ''

    @staticmethod
    def cached(image):
        """The file in which the host keeps the image's bytes for further servers; Nova names it by SHA-1."""
        return INSTANCES / '_base' / hashlib.sha1(image.encode()).hexdigest()

    def forget_bytes(self, server):
        """Takes the server's kernel from the host and from its cache of images, as if it came from elsewhere."""
        (INSTANCES / server / 'kernel').unlink()
        for path in (INSTANCES / '_base').iterdir():
            path.unlink()

    # -- the end

    def _delete(self, server):
        self.compute.delete_server(server, ignore_missing=True)
        until(lambda: not self._exists(server), f'server {server} is deleted')

    def _exists(self, server):
        return any(found.id == server for found in self.compute.servers(details=False))

    def delete(self, *servers):
        for server in servers:
            self.compute.delete_server(server)
        until(lambda: not any(map(self._exists, servers)), 'the servers are deleted')

    def remains(self, server, ports=()):
        """What there still is of a server: words for people, none if it is gone without a trace."""
        left = []
        if server in virsh('list', '--all', '--uuid').split():
            left.append('domain')
        left += [f'directory {path.name}' for path in INSTANCES.glob(f'{server}*')]
        left += [f'port {port.id}' for port in self.network.ports(device_id=server)]
        left += [f'tap of port {port}' for port in ports if os.path.exists(f'/sys/class/net/tap{port[:11]}')]
        return left

    def ports(self, server):
        return [port.id for port in self.network.ports(device_id=server)]

    def close(self):
        self._undo.close()
        left = {server: self.remains(server) for server in self._made}
        assert not any(left.values()), f'deleted servers left this behind: {left}'
