# SPDX-License-Identifier: Apache-2.0
"""The cloud's own processes, stopped and started in the middle of things, and what users of the cloud there are."""
import contextlib
import os
import pathlib
import signal
import subprocess
import time
import uuid

import openstack

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLOUD = ROOT / 'devstack/allinone/cloud.sh'


def service(verb, name):
    """As an operator does it; when one is started it answers already."""
    subprocess.run((CLOUD, 'service', verb, name), check=True, timeout=400, stdin=subprocess.DEVNULL)


@contextlib.contextmanager
def stopped(*names):
    """Within it these services do not run."""
    try:
        for name in names:
            service('stop', name)
        yield
    finally:
        for name in reversed(names):
            service('start', name)


def process_of(name):
    return int(pathlib.Path(f'/run/services/{name}.pid').read_text())


def kill(name):
    """Ends the service's process without a warning; it is gone when this returns."""
    process = process_of(name)
    os.kill(process, signal.SIGKILL)
    while os.path.exists(f'/proc/{process}'):
        time.sleep(0.01)


@contextlib.contextmanager
def frozen(name):
    """Within it the service's process stands still."""
    process = process_of(name)
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def log(name):
    return pathlib.Path(f'/var/log/{name}.log').read_text(errors='replace')


class Someone:
    """A user with a project of his own and these roles in it; vanishes with close()."""

    def __init__(self, roles=('member',)):
        self._identity = openstack.connect().identity
        name = f'test-{uuid.uuid4().hex[:8]}'
        self.password = uuid.uuid4().hex
        self.project = self._identity.create_project(name=name, domain_id='default')
        self.user = self._identity.create_user(name=name, password=self.password, domain_id='default')
        for role in roles:
            self._identity.assign_project_role_to_user(self.project, self.user, self._identity.find_role(role))

    def connect(self, **auth):
        """A connection of the user's; `auth` in place of name, password and project."""
        auth = auth or {'username': self.user.name, 'password': self.password, 'user_domain_id': 'default',
                        'project_id': self.project.id}
        return openstack.connect(load_envvars=False, region_name='RegionOne', auth_type='v3applicationcredential'
                                 if 'application_credential_id' in auth else 'password',
                                 auth={'auth_url': os.environ['OS_AUTH_URL'], **auth})

    def command(self, *words):
        """`openstack WORDS` of the user's, ended, with its output; its status is the caller's to judge."""
        others = {name: value for name, value in os.environ.items() if not name.startswith('OS_')}
        return subprocess.run(('openstack', *words), capture_output=True, text=True, timeout=120, check=False, env={
            **others, 'OS_AUTH_URL': os.environ['OS_AUTH_URL'], 'OS_REGION_NAME': 'RegionOne',
            'OS_USERNAME': self.user.name, 'OS_PASSWORD': self.password, 'OS_USER_DOMAIN_ID': 'default',
            'OS_PROJECT_ID': self.project.id, 'OS_IDENTITY_API_VERSION': '3'})

    def close(self):
        self._identity.delete_user(self.user)
        self._identity.delete_project(self.project)
