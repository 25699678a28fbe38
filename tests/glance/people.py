# SPDX-License-Identifier: Apache-2.0
"""Somebody with an account, who uses Glance: by the openstack client, or by its API where that is quicker."""
import json
import os
import subprocess
import time

SECONDS = 300


class Person:
    """A member of one project."""

    def __init__(self, keystone, glance, site, name, project):
        keystone.add_user(name, project)
        self.session = keystone.session(name, project)
        self._url, self._glance = glance.url + '/v2/images', glance
        inherited = {key: value for key, value in os.environ.items() if not key.startswith('OS_')}
        self._environment = {**inherited, **keystone.openstack_environment(name, project), 'PYTHONPATH': str(site)}

    def openstack(self, *words):
        """`openstack WORDS`; the finished process."""
        return subprocess.run(['openstack', *(str(word) for word in words)], env=self._environment, text=True,
                              capture_output=True, check=False, timeout=SECONDS, stdin=subprocess.DEVNULL)

    def shell(self, command, folder, **variables):
        """A command as a document has it; its output."""
        done = subprocess.run(['bash', '-c', command], cwd=folder, env={**self._environment, **variables}, text=True,
                              capture_output=True, check=False, timeout=SECONDS, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f'{command}: {done.stderr}'
        return done.stdout

    def request(self, method, path='', **arguments):
        return self.session.request(self._url + path, method, raise_exc=False, **arguments)

    def image(self, image_id):
        return self.request('GET', f'/{image_id}').json()

    def data(self, image_id):
        return self.request('GET', f'/{image_id}/file').content

    def create(self, **properties):
        """A queued image; its id."""
        answer = self.request('POST', json={'name': 'app', 'disk_format': 'raw', 'container_format': 'bare',
                                            'visibility': 'private', **properties})
        assert answer.status_code == 201, answer.text
        return answer.json()['id']

    def upload(self, image_id, data, part='file', **headers):
        return self.request('PUT', f'/{image_id}/{part}', data=data,
                            headers={'Content-Type': 'application/octet-stream', **headers})

    def begin_import(self, image_id, data, stores=None):
        answer = self.upload(image_id, data, 'stage')
        assert answer.status_code == 204, answer.text
        answer = self.request('POST', f'/{image_id}/import', json={
            'method': {'name': 'glance-direct'}, **({'stores': stores} if stores else {})})
        assert answer.status_code == 202, answer.text

    def task(self, image_id):
        """The image's newest import."""
        tasks = self.request('GET', f'/{image_id}/tasks').json()['tasks']
        return max(tasks, key=lambda task: task['created_at'])

    def end_of_import(self, image_id):
        """Waits for it; the task, and the image."""
        deadline = time.monotonic() + SECONDS
        while (task := self.task(image_id))['status'] not in ('success', 'failure'):
            assert time.monotonic() < deadline, json.dumps(task) + self._glance.log()[-3000:]
            time.sleep(0.2)
        return task, self.image(image_id)

    def run_import(self, data, stores=None, **properties):
        """Imports a bundle as a new image; the ended task, and the image."""
        image_id = self.create(unikernel_source='bundle', **properties)
        self.begin_import(image_id, data, stores)
        return self.end_of_import(image_id)
