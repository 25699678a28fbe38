# SPDX-License-Identifier: Apache-2.0
"""Starts the builder service as a process of its own and talks plain HTTP to it."""

import contextlib
import http.client
import io
import json
import os
import pathlib
import signal
import socket
import subprocess
import tarfile
import time

START_SECONDS = 30


def program(name):
    """Path of a program of the build under test."""
    root = pathlib.Path(__file__).resolve().parents[2]
    folder = pathlib.Path(os.environ.get("UNIKERNEL_BUILD_DIR", root / "build" / "release"))
    path = folder / "bin" / name
    assert path.exists(), f"{path} is missing: build it, or set UNIKERNEL_BUILD_DIR"
    return str(path)


class Answer:
    """A response, read to its end."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """The first error of an API-SIG body."""
        return self.json["errors"][0]


class Service:
    """One process of the service over a state folder, which outlives it."""

    def __init__(self, folder, *options, name="unikernel-builder-stub", environment=None):
        self.folder = pathlib.Path(folder)
        self.state = self.folder / "state"
        self.log_file = self.folder / "log"
        self.options = [str(option) for option in options]
        self.name = name
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **(environment or {})}
        self.process = None
        self.port = None

    def start(self, port=0):
        """port: 0 is any free one."""
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        cache = [] if "--cache" in self.options else ["--cache", str(self.folder / "cache")]
        listen = [] if "--listen" in self.options else ["--listen", f"127.0.0.1:{port}"]
        command = [program(self.name), *listen, "--port-file", str(port_file), "--state", str(self.state), *cache,
                   *self.options]
        if "--disk-reserve" not in self.options:
            command += ["--disk-reserve", "0"]
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=self.environment)
        deadline = time.monotonic() + START_SECONDS
        while not port_file.exists():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, "the service did not start: " + self.log()
            time.sleep(0.01)
        self.port = int(port_file.read_text())
        return self

    def log(self):
        return self.log_file.read_text(errors="replace")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=10)
        self.process.stdout.close()

    def stop(self, seconds=30):
        """SIGTERM; answers the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()
        return status

    # HTTP

    def connect(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None):
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())

    def get(self, path, headers=None):
        return self.request("GET", path, headers=headers)

    def post_json(self, path, value):
        text = value if isinstance(value, (bytes, str)) else json.dumps(value)
        return self.request("POST", path, text, {"Content-Type": "application/json"})

    def raw(self, *pieces, pause=0.0, timeout=20):
        """Sends bytes as they are; answers all that came back until the other side closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for piece in pieces:
                    connection.sendall(piece)
                    time.sleep(pause)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := connection.recv(65536):
                    answer += piece
            return answer

    # Builds

    def bundle(self, files=None):
        """Uploads a tar of name -> text; answers its digest."""
        answer = self.request("POST", "/v1/bundles", tar(files or {"main.cc": "int main() {}\n"}),
                              {"Content-Type": "application/x-tar"})
        assert answer.status == 201, answer.body
        return answer.json["digest"]

    def submit(self, name="app", bundle=None, requirements=None, boot_check=True, **labels):
        """Submits a build for the stub, which does what the labels say."""
        spec = {"name": name, "labels": {key: str(value) for key, value in labels.items()}}
        return self.post_json("/v1/builds", {"bundle": bundle or self.bundle(), "spec": spec,
                                             "requirements": requirements or [], "boot_check": boot_check})

    def build(self, build_id):
        answer = self.get("/v1/builds/" + build_id)
        assert answer.status == 200, answer.body
        return answer.json

    def wait_for(self, build_id, *states, seconds=20):
        """Waits until the build is in one of the states, or has ended when none is given."""
        deadline = time.monotonic() + seconds
        while True:
            build = self.build(build_id)
            if build["state"] in states or (not states and build["state"] not in ("queued", "running")):
                return build
            assert time.monotonic() < deadline, build
            time.sleep(0.02)

    def events(self, build_id, query=""):
        """All events until the stream's end."""
        answer = self.get(f"/v1/builds/{build_id}/events{query}")
        assert answer.status == 200, answer.body
        return [json.loads(line) for line in answer.body.splitlines() if line]


def wait_until(true, seconds=10):
    """Waits until the function answers something true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.05)


def tar(files):
    """A tar archive of name -> text, with fixed times and owners."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, text in sorted(files.items()):
            data = text.encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def status_of(raw):
    """The status code of a raw answer."""
    return int(raw.split(b" ", 2)[1])


def code_of(raw):
    """The error code in a raw answer."""
    return json.loads(raw.split(b"\r\n\r\n", 1)[1])["errors"][0]["code"]
