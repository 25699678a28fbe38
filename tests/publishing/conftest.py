# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "service"), str(HERE.parent / "cloud")]

import glance_process  # noqa: E402
import keystone_process  # noqa: E402
from connected_service import ConnectedService  # noqa: E402
from fake_glance import FakeGlance  # noqa: E402


@pytest.fixture(scope="session")
def keystone(tmp_path_factory):
    """A real Keystone with the builder's account and two projects, p1 and p2, with a manager each."""
    keystone_process.skip_unless_installed()
    running = keystone_process.Keystone(tmp_path_factory.mktemp("keystone")).start()
    running.add_user("unikernel", "service", ("admin", "service"))
    running.add_role("manager")  # Keystone makes it itself since 2023.2
    for name in ("p1", "p2"):
        running.add_user(f"manager-{name}", name, ("member", "reader", "manager"))
    yield running
    running.stop()


@pytest.fixture
def glance():
    fake = FakeGlance()
    yield fake
    fake.close()


@pytest.fixture(scope="module")
def real_glance(tmp_path_factory, keystone):
    """glance-api of Debian with the file store."""
    glance_process.skip_unless_installed()
    running = PlainGlance(tmp_path_factory.mktemp("glance"), keystone).start()
    yield running
    running.stop()


class PlainGlance(glance_process.Glance):
    """Without the builder's store and import plugin, which publishing has no use for."""

    def __init__(self, folder, keystone):
        super().__init__(folder, keystone, site=folder)
        text = self.configuration.read_text()
        text = text.replace(", builder:unikernel", "").replace("image_import_plugins = ['unikernel_build']", "")
        text = text.replace("[DEFAULT]", "[DEFAULT]\nuser_storage_quota = 100MB")
        self.configuration.write_text(text)

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def connect(tmp_path, keystone):
    """connect(glance_url, **options): a service over this test's folder which publishes there."""
    started = []

    def begin(url, name="unikernel-builder-stub", user="manager-p1", project="p1", **glance):
        service = ConnectedService(tmp_path, keystone, url, name, glance)
        service.token = keystone.token(user, project)
        started.append(service)
        return service.start()

    yield begin
    for service in started:
        if service.process and service.process.poll() is None:
            service.stop()
