# SPDX-License-Identifier: Apache-2.0
"""The command line against a builder service."""

import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import sys
import threading

import pytest

from cli_command import ROOT, write_program

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "service"))

from service_process import Service  # noqa: E402


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """The real service, with the user's caches."""
    cache = pathlib.Path.home() / ".cache" / "unikernel"
    running = Service(tmp_path_factory.mktemp("service"), "--cache", cache, name="unikernel-builder").start()
    yield {"UNIKERNEL_SERVICE": f"http://127.0.0.1:{running.port}"}
    assert running.stop() == 0


def test_service_and_local_build_give_the_same_image(unikernel, images, service, tmp_path):
    source = write_program(tmp_path / "app", "hello")
    file = tmp_path / "hello.img"
    result = unikernel("build", source, "--output", file, environment=service, seconds=280)
    assert result.code == 0, result
    assert file.read_bytes() == images["hello"].read_bytes()
    facts = unikernel("inspect", "hello", "--json", environment=service).json
    assert facts == unikernel("inspect", file, "--json").json
    assert unikernel("run", "hello", environment=service).code == 0


def test_compilers_words_come_through_the_service(unikernel, service, tmp_path):
    source = write_program(tmp_path / "app", "hello")
    (source / "main.cc").write_text("int main() { return undeclared; }\n")
    result = unikernel("build", source, environment=service, seconds=280)
    assert result.code == 1, result
    assert "main.cc:1:21: error: " in result.error


def test_bad_spec_is_rejected_by_the_service_too(unikernel, service, tmp_path):
    source = write_program(tmp_path / "app", "hello")
    (source / "unikernel.yaml").write_text("name: x\nplatform: u0\nmodules: {posx: {}}\n")
    result = unikernel("build", source, environment=service)
    assert result.code == 3, result
    assert "posx" in result.error


def test_modules_and_platforms_are_the_same_from_both(unikernel, service):
    names = [[module["name"] for module in unikernel("module", "list", "--json", **arguments).json]
             for arguments in ({"environment": service},)]
    local = [module["name"] for module in unikernel("module", "list", "--local", "--json").json]
    assert names == [local]
    assert unikernel("module", "show", "http-guard", "--json", environment=service).json == \
        unikernel("module", "show", "http-guard", "--local", "--json").json
    assert "u0" in unikernel("platform", "list", environment=service).out


def test_modules_of_ones_own(unikernel, tmp_path):
    """UNIKERNEL_DATA, as doc/source/user/cli.rst has it."""
    for name in ("modules", "platforms"):
        shutil.copytree(ROOT / "builder_service" / name, tmp_path / name)
    own = (tmp_path / "modules/power/module.yaml").read_text().replace("name: power", "name: greeter")
    shutil.copytree(tmp_path / "modules/power", tmp_path / "modules/greeter")
    (tmp_path / "modules/greeter/module.yaml").write_text(own)

    def known(**environment):
        listed = unikernel("module", "list", "--local", "--json", environment=environment)
        return "greeter" in [module["name"] for module in listed.json]

    assert known(UNIKERNEL_DATA=str(tmp_path))
    assert not known() and not known(UNIKERNEL_DATA=os.path.relpath(tmp_path))


class Recorder(http.server.BaseHTTPRequestHandler):
    """Takes a build and keeps every byte it was sent."""

    received = b""
    deleted = threading.Event()
    streaming = threading.Event()
    hold = threading.Event()

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        Recorder.received += self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(201, {"digest": "sha256:" + "0" * 64} if self.path == "/v1/bundles" else {"id": "b1"})

    def do_GET(self):
        if not re.fullmatch(r"/v1/builds/b1/events\?from=\d+", self.path):
            return self.answer(404, {"errors": [{"detail": "not here"}]})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"n":1,"kind":"phase","phase":"compile","text":"\\u001b[31mred"}\n\n')
        self.wfile.flush()
        Recorder.streaming.set()
        Recorder.hold.wait(30)
        self.wfile.write(b'{"n":2,"kind":"end","state":"rejected","error":"enough"}\n')

    def do_DELETE(self):
        Recorder.deleted.set()
        Recorder.hold.set()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def recorder():
    Recorder.received = b""
    for event in (Recorder.deleted, Recorder.streaming, Recorder.hold):
        event.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {"UNIKERNEL_SERVICE": f"http://127.0.0.1:{server.server_port}"}
    Recorder.hold.set()
    server.shutdown()
    server.server_close()


def test_plain_secret_never_leaves_the_client(unikernel, recorder, tmp_path):
    source = write_program(tmp_path / "app", "hello")
    requirement = tmp_path / "r.yaml"
    requirement.write_text("name: r\napplies_to: everything\nmodules:\n  http-guard:\n    credentials:\n"
                           "      - {name: a, kind: bearer, secret: {from_env: A_SECRET}}\n")
    Recorder.hold.set()
    result = unikernel("build", source, "-r", requirement, environment={**recorder, "A_SECRET": "correct-horse"})
    assert (result.code, result.error.splitlines()[-1]) == (3, "unikernel: build rejected: enough")
    assert b'"hash"' in Recorder.received
    assert b"correct-horse" not in Recorder.received and "correct-horse" not in result.out + result.error
    assert "\x1b" not in result.error, "what the service says cannot steer the terminal"


def test_ctrl_c_cancels_the_build(unikernel, recorder, tmp_path):
    source = write_program(tmp_path / "app", "hello")
    running = unikernel.start("build", source, environment=recorder)
    assert Recorder.streaming.wait(30)
    running.signal(signal.SIGINT)
    assert running.finish() == 130, running.lines
    assert Recorder.deleted.wait(5)
