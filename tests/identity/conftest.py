# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "cloud"), str(TESTS / "service")]

import keystone_process  # noqa: E402
from service_process import Service  # noqa: E402

CONFIGURATION = """\
identity = keystone

[keystone_authtoken]
auth_url = {url}/v3/
www_authenticate_uri = {url}
auth_type = password
username = {account}
password = {password}
project_name = service
user_domain_name = Default
project_domain_name = Default
token_cache_time = {cache}
http_request_max_retries = 1
http_connect_timeout = 60
memcached_servers = localhost:11211

[glance]
publish = false
"""


@pytest.fixture(scope="session")
def keystone(tmp_path_factory):
    """A real Keystone with who is needed in it; one that a test stopped is started again."""
    keystone_process.skip_unless_installed()
    running = keystone_process.Keystone(tmp_path_factory.mktemp("keystone")).start()
    running.add_user("builder", "service", ["service"])
    running.add_user("root", "service", ["service", "admin"])
    running.add_user("nova", "service", ["service"])
    running.add_user("ann", "blue", ["member"])
    running.add_user("bob", "red", ["member"])
    running.add_user("rita", "blue", ["reader"])
    running.add_service("unikernel", "unikernel", "http://127.0.0.1:8770")
    yield running
    running.stop()


@pytest.fixture
def builder(keystone, tmp_path):
    """builder(*options, cache=..., account=...): a running service that asks this Keystone, stopped afterwards."""
    started = []

    def begin(*options, cache=300, password=keystone_process.PASSWORD, account="builder"):
        file = tmp_path / "unikernel-builder.conf"
        file.write_text(CONFIGURATION.format(url=keystone.url, password=password, cache=cache, account=account))
        service = Service(tmp_path, "--config", file, *options)
        started.append(service)
        return service.start()

    yield begin
    for service in started:
        assert service.stop() == 0
