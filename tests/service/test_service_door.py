# SPDX-License-Identifier: Apache-2.0
"""The public door: HAProxy with the shipped configuration, before a real service and one that tells what it gets."""
import contextlib
import http.client
import http.server
import json
import socket
import ssl
import subprocess
import threading
import time

import pytest

from door import Door
from service_process import Answer, code_of, status_of, tar, wait_until

HEAD = b"Host: unikernel.example\r\n"


class Mirror(http.server.BaseHTTPRequestHandler):
    """A builder that answers with the head it got."""

    def do_GET(self):
        body = json.dumps({"line": self.requestline, "headers": self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module", name="door")
def fixture_door(service, tmp_path_factory):
    door = Door(tmp_path_factory.mktemp("door"), service.port).start()
    yield door
    door.stop()


@pytest.fixture(scope="module", name="mirror")
def fixture_mirror(tmp_path_factory):
    """A door before Mirror."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    door = Door(tmp_path_factory.mktemp("mirror"), server.server_port).start()
    yield door
    door.stop()
    server.shutdown()


def names(answer):
    return {name.lower(): value for name, value in answer.json["headers"]}


def test_passes_requests_on_whatever_their_host_is_called(door):
    answer = door.get("/healthcheck", {"Host": "unikernel.example"})
    assert (answer.status, answer.json) == (200, {"status": "ok", "database": "SQLite"})
    assert answer.headers["X-Openstack-Request-Id"]


def test_takes_a_bundle_and_streams_the_events_of_its_build(door):
    build = door.submit().json["id"]
    assert door.events(build)[-1]["state"] == "succeeded"


def test_speaks_tls_and_says_so_to_the_builder(mirror):
    context = ssl.create_default_context(cafile=mirror.certificate)
    with contextlib.closing(http.client.HTTPSConnection("127.0.0.1", mirror.tls_port, context=context)) as connection:
        connection.request("GET", "/v1/builds")
        answer = Answer(connection.getresponse())
    assert names(answer)["x-forwarded-proto"] == "https"
    assert answer.headers["Strict-Transport-Security"]


def test_refuses_old_tls(mirror):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{mirror.tls_port}", "-tls1_1",
                           "-cipher", "DEFAULT@SECLEVEL=0"], input="", capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and "protocol version" in done.stderr


def test_says_itself_who_asks(mirror):
    lies = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "1",
            "Forwarded": "for=6.6.6.6",
            "X-Real-IP": "6.6.6.6", "X-Auth-Token": "kept"}
    got = names(mirror.get("/v1/builds", lies))
    assert (got["x-forwarded-for"], got["x-forwarded-proto"]) == ("127.0.0.1", "http")
    assert got["host"] == f"127.0.0.1:{mirror.builder}" and got["x-auth-token"] == "kept"
    assert not {"forwarded", "x-real-ip", "x-forwarded-port"} & set(got)


def test_a_chunked_body_is_refused_before_the_builder_sees_it(door):
    answer = door.raw(b"POST /v1/bundles HTTP/1.1\r\n" + HEAD + b"Content-Type: application/x-tar\r\n"
                      b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    assert (status_of(answer), code_of(answer)) == (411, "request.length-required")


def test_two_lengths_are_not_left_to_the_builder(mirror):
    smuggled = mirror.raw(b"POST /v1/builds HTTP/1.1\r\n" + HEAD + b"Content-Length: 5\r\nContent-Length: 50\r\n"
                          b"Connection: close\r\n\r\nhello")
    assert status_of(smuggled) == 400
    both = mirror.raw(b"POST /v1/builds HTTP/1.1\r\n" + HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"
                      b"Connection: close\r\n\r\n0\r\n\r\nGET /v1/secret HTTP/1.1\r\n\r\n")
    assert status_of(both) in (400, 411) and both.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("size, status", [(17 << 10, 431), (64 << 10, 400)])
def test_an_oversize_head_is_refused(door, size, status):
    answer = door.raw(b"GET /healthcheck HTTP/1.1\r\n" + HEAD + b"X-Filling: " + bytes(b"x" * size) + b"\r\n\r\n")
    assert status_of(answer) == status
    assert status != 431 or code_of(answer) == "request.head-too-large"


@pytest.mark.parametrize("path, size", [("/v1/bundles", (64 << 20) + 1), ("/v1/images", (256 << 20) + 1),
                                        ("/v1/builds", (1 << 20) + 1), ("/v1/requirements", (1 << 20) + 1)])
def test_an_oversize_body_is_refused_by_its_announcement(door, path, size):
    answer = door.raw(b"POST %s HTTP/1.1\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n"
                      % (path.encode(), HEAD, size))
    assert (status_of(answer), code_of(answer)) == (413, "request.too-large")


def test_a_slow_head_ends_after_ten_seconds(mirror):
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", mirror.port), timeout=30) as connection:
        answer = b""
        connection.sendall(b"GET /v1/builds HTTP/1.1\r\n" + HEAD)
        # A byte a second must not keep it open.
        for _ in range(25):
            connection.settimeout(1)
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(65536)
                break
            connection.sendall(b"X")
    assert status_of(answer) == 408
    assert time.monotonic() - begun >= 9


def test_a_body_that_stops_coming_ends_after_fifteen_seconds(door, service):
    begun = time.monotonic()
    answer = door.raw(b"POST /v1/bundles HTTP/1.1\r\n" + HEAD + b"Content-Type: application/x-tar\r\n"
                      b"Content-Length: 1000\r\n\r\nhello", timeout=40)
    assert 14 <= time.monotonic() - begun < 35
    assert answer == b"" or status_of(answer) in (400, 408, 502)
    assert service.get("/healthcheck").status == 200


def test_many_slow_clients_do_not_keep_others_out(door):
    with contextlib.ExitStack() as slow:
        for _ in range(100):
            connection = slow.enter_context(socket.create_connection(("127.0.0.1", door.port)))
            connection.sendall(b"GET /healthcheck HTTP/1.1\r\nHost: x")
        assert door.get("/healthcheck").status == 200


def test_a_service_that_is_away_is_503_and_soon_found_again(start, tmp_path):
    service = start(folder=tmp_path)
    (tmp_path / "door").mkdir()
    door = Door(tmp_path / "door", service.port).start()
    try:
        assert door.get("/healthcheck").status == 200
        service.stop()
        answer = door.get("/healthcheck")
        assert (answer.status, answer.error["code"]) == (503, "service.unavailable")
        assert answer.headers["Retry-After"] == "5"
        service.start(service.port)
        wait_until(lambda: door.get("/healthcheck").status == 200)
        assert door.request("POST", "/v1/bundles", tar({"a": "b"}), {"Content-Type": "application/x-tar"}).status == 201
    finally:
        door.stop()
