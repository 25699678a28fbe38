# SPDX-License-Identifier: Apache-2.0
"""Installs the client as its users do, and runs the real `openstack` command with it."""

import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

from keystoneauth1 import noauth
from keystoneauth1 import session as keystone_session

from unikernelclient.client import Client

ROOT = pathlib.Path(__file__).resolve().parents[2]


def client_of(port):
    """A client of a service without Keystone, as with --os-auth-type none."""
    return Client(keystone_session.Session(noauth.NoAuth(endpoint=f"http://127.0.0.1:{port}")))


def install(folder):
    """Installs common/python below the folder, without a network; answers where."""
    source = folder / "source"
    shutil.copytree(ROOT / "common" / "python", source,
                    ignore=shutil.ignore_patterns("*.egg-info", "build", "__pycache__"))
    site = folder / "site"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
                    "--no-build-isolation", "--root-user-action=ignore", "--target", site, source], check=True)
    return site


@dataclasses.dataclass
class Result:
    code: int
    out: str
    error: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def last_line(self):
        """Of what was said to people."""
        return self.error.strip().splitlines()[-1]


class OpenStack:
    """`openstack unikernel WORDS` against a service without Keystone."""

    def __init__(self, site, port, home):
        self.command = [shutil.which("openstack"), "unikernel"]
        assert self.command[0], "openstack is not installed: tools/install-dependencies.sh test"
        self.environment = {**os.environ, "PYTHONPATH": str(site), "HOME": str(home), "PYTHONUNBUFFERED": "1"}
        self.use({"OS_AUTH_TYPE": "none", "OS_ENDPOINT": f"http://127.0.0.1:{port}"})

    def use(self, account):
        """From now on with these variables OS_*, and no others."""
        inherited = {key: value for key, value in self.environment.items() if not key.startswith("OS_")}
        self.environment = {**inherited, **account}

    def __call__(self, *words, folder=None, seconds=300, **environment):
        done = subprocess.run(self.command + [str(word) for word in words], capture_output=True, text=True,
                              timeout=seconds, cwd=folder, env={**self.environment, **environment},
                              stdin=subprocess.DEVNULL)
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *words):
        # A job in the background inherits that Ctrl-C is ignored; a user's terminal does not ignore it.
        return subprocess.Popen(self.command + [str(word) for word in words], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env=self.environment, stdin=subprocess.DEVNULL,
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
