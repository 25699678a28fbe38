# SPDX-License-Identifier: Apache-2.0
"""Through a real Keystone: the service is found in its catalogue, and who may not have a token is told so."""

import io
import uuid

import pytest

import keystone_process
from connected_service import ConnectedService
from door import Door
from fake_glance import FakeGlance
from service_process import tar
from unikernelclient import exceptions
from unikernelclient.client import Client


@pytest.fixture(scope="module")
def keystone(tmp_path_factory):
    keystone_process.skip_unless_installed()
    service = keystone_process.Keystone(tmp_path_factory.mktemp("keystone")).start()
    service.add_user("unikernel", "service", ("admin", "service"))
    service.add_user("ada", "engines", ("member", "reader"))
    service.add_user("bob", "engines", ("reader",))
    service.add_user("eve", "elsewhere", ("member", "reader"))
    yield service
    service.stop()


@pytest.fixture
def catalogued(keystone, stub):
    """Keystone with the service in its catalogue, for this test."""
    service = keystone.add_service("unikernel", "unikernel", f"http://127.0.0.1:{stub.port}")
    yield keystone
    keystone.remove_service(service)


@pytest.fixture
def source(tmp_path):
    """A folder that the stub builds."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "unikernel.yaml").write_text("name: app\n")
    return tmp_path / "app"


@pytest.fixture
def glance():
    """Names the images it was given. The real one: tests/publishing/test_publishing_real.py."""
    fake = FakeGlance()
    yield fake
    fake.close()


@pytest.fixture
def publishing(keystone, glance, tmp_path):
    """Keystone with a service in its catalogue that asks it about tokens and publishes in Glance."""
    (tmp_path / "connected").mkdir()
    service = ConnectedService(tmp_path / "connected", keystone, glance.url, "unikernel-builder-stub", {}).start()
    entry = keystone.add_service("unikernel", "unikernel", f"http://127.0.0.1:{service.port}")
    yield keystone
    keystone.remove_service(entry)
    service.stop()


def test_a_build_ends_with_the_id_of_the_glance_image(publishing, glance, openstack, source):
    openstack.use(publishing.openstack_environment("ada", "engines"))
    result = openstack("build", "create", "--spec", source, "--wait", "-f", "value", "-c", "image_id")
    image_id = result.out.strip()
    assert result.code == 0 and glance.images[image_id]["name"] == "app", result
    assert result.last_line == (f"Next: openstack server create --image {image_id} --flavor u1.nano "
                                "--network NETWORK app --wait")
    wanted = str(uuid.uuid4())
    (source / "changed.cc").write_text("// other bytes\n")
    (source / "unikernel.yaml").write_text("name: app\nlabels: {image_bytes: '7'}\n")
    result = openstack("build", "create", "--spec", source, "--name", "web", "--image-id", wanted, "--visibility",
                       "shared", "--wait")
    image = glance.images[wanted]
    assert result.code == 0 and (image["name"], image["visibility"]) == ("web", "shared"), result


def test_what_roles_and_projects_do_not_allow(publishing, openstack, source):
    openstack.use(publishing.openstack_environment("bob", "engines"))
    refused = openstack("build", "create", "--spec", source, "--no-publish")
    assert refused.code == 1 and "policy.forbidden" in refused.last_line
    ours = Client(publishing.session("ada", "engines"))
    bundle = ours.bundles.create(io.BytesIO(tar({"main.cc": ""})))
    build_id = ours.builds.create(bundle, {"name": "app"})["id"]
    others = Client(publishing.session("eve", "elsewhere"))
    with pytest.raises(exceptions.NotFound):
        others.builds.get(build_id)
    with pytest.raises(exceptions.BadRequest, match="bundle.unknown"):
        others.builds.create(bundle, {"name": "app"})
    with pytest.raises(exceptions.Forbidden):
        others.builds.list(all_projects=True)


def test_the_service_is_found_in_the_catalogue(catalogued):
    client = Client(catalogued.session("ada", "engines"), region_name="RegionOne")
    assert "u0" in [platform["name"] for platform in client.platforms.list()]


def test_commands_use_the_accounts_catalogue(catalogued, openstack, source):
    openstack.use(catalogued.openstack_environment("ada", "engines"))
    result = openstack("build", "create", "--spec", source, "--no-publish", "--wait", "-f", "value", "-c", "state")
    assert (result.code, result.out) == (0, "succeeded\n"), result


def test_the_catalogue_may_name_the_door_with_tls(keystone, openstack, stub, tmp_path):
    (tmp_path / "door").mkdir()
    door = Door(tmp_path / "door", stub.port).start()
    entry = keystone.add_service("unikernel", "unikernel", f"https://127.0.0.1:{door.tls_port}")
    try:
        account = keystone.openstack_environment("ada", "engines")
        openstack.use({**account, "OS_CACERT": str(door.certificate)})
        result = openstack("platform", "list", "-f", "value", "-c", "Name")
        assert (result.code, result.out) == (0, "u0\n"), result
        openstack.use(account)
        result = openstack("platform", "list")
        assert result.code == 1 and "certificate verify failed" in result.error, result
    finally:
        keystone.remove_service(entry)
        door.stop()


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
