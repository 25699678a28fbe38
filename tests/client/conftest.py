# SPDX-License-Identifier: Apache-2.0
import io
import os
import pathlib
import sys
import types

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "unikernel"
sys.path[:0] = [str(HERE), str(HERE.parent / "service"), str(HERE.parent / "cloud"),
                str(HERE.parent / "publishing"), str(ROOT / "common" / "python")]

import canned_service  # noqa: E402
from openstack_command import OpenStack, client_of, install  # noqa: E402
from service_process import Service  # noqa: E402


@pytest.fixture
def stub(tmp_path):
    """The real service around a pipeline that does what labels say; a test may kill it and start it again."""
    service = Service(tmp_path, "--workers", "2").start()
    yield service
    if service.process.poll() is None:
        service.stop()


@pytest.fixture
def client(stub):
    return client_of(stub.port)


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The folder with the package and its entry points, as an installation has them."""
    return install(tmp_path_factory.mktemp("site"))


@pytest.fixture
def openstack(installed, stub, tmp_path):
    """openstack("build", "list"): `openstack unikernel build list` against the stub."""
    return OpenStack(installed, stub.port, tmp_path)


@pytest.fixture(scope="session")
def builder(tmp_path_factory):
    """The real service with the real pipeline; caches of objects and sources are the user's."""
    service = Service(tmp_path_factory.mktemp("builder"), "--workers", "1", "--cache", CACHE,
                      name="unikernel-builder").start()
    yield service
    service.stop()


@pytest.fixture
def real(installed, builder, tmp_path):
    """As `openstack`, against the real service."""
    return OpenStack(installed, builder.port, tmp_path)


@pytest.fixture
def canned():
    service = canned_service.everything()
    yield service
    service.close()


@pytest.fixture
def run(canned, capsys):
    """run(requirement.ShowRequirement, "tls-only"): (exit status, what it prints, what it says aside)."""
    app = types.SimpleNamespace(client_manager=types.SimpleNamespace(unikernel=client_of(canned.port)), options=None)

    def command(kind, *words):
        app.stdout = io.StringIO()
        made = kind(app, None)
        arguments = made.get_parser("command").parse_args([str(word) for word in words])
        capsys.readouterr()
        status = made.run(arguments)
        printed = capsys.readouterr()
        return status, app.stdout.getvalue() + printed.out, printed.err
    return command
