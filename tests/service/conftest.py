# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from service_process import Service  # noqa: E402


@pytest.fixture
def start(tmp_path):
    """start(*options, name=...): a running service over this test's folder, stopped afterwards."""
    started = []

    def begin(*options, folder=tmp_path, **settings):
        service = Service(folder, *options, **settings)
        started.append(service)
        return service.start()

    yield begin
    for service in started:
        if service.process and service.process.poll() is None:
            service.stop()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """One running service shared by the tests of a file."""
    running = Service(tmp_path_factory.mktemp("service"), "--workers", "2").start()
    yield running
    assert running.stop() == 0
