# SPDX-License-Identifier: Apache-2.0
"""Through a real Keystone: the service is found in its catalogue, and who may not have a token is told so."""

import pytest

import keystone_process
from unikernelclient import exceptions
from unikernelclient.client import Client


@pytest.fixture(scope="module")
def keystone(tmp_path_factory):
    if not keystone_process.is_installed():
        pytest.skip("keystone is not installed: devstack/allinone/cloud.sh install")
    service = keystone_process.Keystone(tmp_path_factory.mktemp("keystone")).start()
    service.add_user("ada", "engines")
    yield service
    service.stop()


@pytest.fixture
def catalogued(keystone, stub):
    """Keystone with the service in its catalogue, for this test."""
    service = keystone.add_service("unikernel", "unikernel", f"http://127.0.0.1:{stub.port}")
    yield keystone
    keystone.remove_service(service)


def test_the_service_is_found_in_the_catalogue(catalogued):
    client = Client(catalogued.session("ada", "engines"), region_name="RegionOne")
    assert "u0" in [platform["name"] for platform in client.platforms.list()]


def test_commands_use_the_accounts_catalogue(catalogued, openstack, tmp_path):
    (tmp_path / "unikernel.yaml").write_text("name: app\n")
    (tmp_path / "main.cc").write_text("int main() {}\n")
    openstack.use(catalogued.openstack_environment("ada", "engines"))
    result = openstack("build", "create", "--spec", tmp_path, "--no-publish", "--wait", "-f", "value", "-c", "state")
    assert (result.code, result.out) == (0, "succeeded\n"), result


def test_a_catalogue_without_the_service(keystone, openstack):
    with pytest.raises(exceptions.Unavailable, match="no endpoint of type unikernel"):
        Client(keystone.session("ada", "engines")).builds.list()
    openstack.use(keystone.openstack_environment("ada", "engines"))
    result = openstack("build", "list")
    assert result.code == 1 and "openstack catalog list" in result.last_line


def test_a_wrong_password(keystone):
    session = keystone.session("ada", "engines")
    session.auth.auth_methods[0].password = "another"
    with pytest.raises(exceptions.Unauthorized, match="Keystone refuses the credentials"):
        Client(session).builds.list()
