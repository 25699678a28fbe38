# SPDX-License-Identifier: Apache-2.0
"""Routes, refusals and limits of the listener, also with bytes no HTTP library would send."""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import re
import socket
import threading
import time

import pytest

from service_process import code_of, status_of, tar, wait_until

HEAD = b"Host: localhost\r\nConnection: close\r\n"


def test_discovers_versions(service):
    answer = service.get("/")
    assert answer.status == 300
    assert answer.json["versions"][0]["links"][0]["href"] == f"http://127.0.0.1:{service.port}/v1/"


def test_is_healthy(service):
    answer = service.get("/healthcheck")
    assert (answer.status, answer.json) == (200, {"status": "ok", "database": "SQLite"})


@pytest.mark.parametrize("path", ["/", "/nothing", "/v1/builds/none", "/v1/builds?limit=0"])
def test_every_answer_has_a_request_id(service, path):
    answer = service.get(path)
    assert re.fullmatch(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer.headers["X-Openstack-Request-Id"])
    if answer.status >= 400:
        assert answer.error["request_id"] == answer.headers["X-Openstack-Request-Id"]
        assert set(answer.error) == {"status", "code", "title", "detail", "request_id"}
    assert answer.headers["X-Openstack-Request-Id"] in service.log()


@pytest.mark.parametrize("path", ["/v2", "/v1/x", "/v1/builds/", "/v1/builds//events", "/healthcheck/x",
                                  "/v1/../healthcheck"])
def test_refuses_unknown_routes(service, path):
    answer = service.get(path)
    assert (answer.status, answer.error["code"]) == (404, "route.not-found")


@pytest.mark.parametrize("method, path, allow", [
    ("DELETE", "/healthcheck", "GET, HEAD"),
    ("PUT", "/v1/builds", "GET, POST, HEAD"),
    ("PATCH", "/v1/builds/x", "DELETE, GET, HEAD"),
    ("GET", "/v1/bundles", "POST"),
    ("BREW", "/", "GET, HEAD"),
    ("OPTIONS", "/", "GET, HEAD"),
    ("TRACE", "/", "GET, HEAD"),
])
def test_refuses_unknown_methods_and_says_which_are_known(service, method, path, allow):
    answer = service.request(method, path, b"")
    assert answer.status == 405
    assert set(answer.headers["Allow"].split(", ")) == set(allow.split(", "))


@pytest.mark.parametrize("path", ["/v1/builds/%2e%2e%2fetc", "/v1/builds/%00", "/v1/builds/%zz", "/v1/builds/%4"])
def test_refuses_bad_escapes(service, path):
    answer = service.get(path)
    assert (answer.status, answer.error["code"]) == (400, "path.invalid")


@pytest.mark.parametrize("path, detail", [
    ("/v1/builds?color=red", "query parameter color is not known here; known: marker, limit, all_projects"),
    ("/v1/builds?limit=0", "limit: '0' is not a number from 1 to 1000"),
    ("/v1/builds?limit=1001", "limit: '1001' is not a number from 1 to 1000"),
    ("/v1/builds?limit=ten", "limit: 'ten' is not a number from 1 to 1000"),
    ("/v1/builds?limit=1&limit=2", "query parameter limit is given twice"),
    ("/v1/builds?marker=nobody", "marker: no build nobody is known here"),
    ("/healthcheck?x=1", "query parameter x is not known here; known: none"),
])
def test_refuses_bad_queries(service, path, detail):
    answer = service.get(path)
    assert (answer.status, answer.error["detail"]) == (400, detail)


def test_answers_head_like_get_without_the_body(service):
    whole, head = service.get("/healthcheck"), service.request("HEAD", "/healthcheck")
    assert head.status == 200 and head.body == b""
    assert head.headers.get_all("Content-Length") == whole.headers.get_all("Content-Length")
    assert service.request("HEAD", "/nothing").body == b""


@pytest.mark.parametrize("body, what", [
    (b'{"bundle": nope}', "body: not JSON"),
    (b'{"bundle":"x","bundle":"y"}', "bundle"),
    (b"[" * 100 + b"]" * 100, "32"),
    (b"", "body"),
    (b"\xff\xfe", "body"),
])
def test_refuses_malformed_json(service, body, what):
    answer = service.post_json("/v1/builds", body)
    assert answer.status == 400
    assert what in answer.error["detail"]


def test_says_where_json_is_wrong(service):
    answer = service.post_json("/v1/builds", b'{"bundle":"x",}')
    assert "byte 15" in answer.error["detail"]


@pytest.mark.parametrize("body, detail", [
    ({}, "body.bundle: "),
    ({"bundle": "x"}, "body.bundle: "),
    ({"bundle": 3, "spec": {}}, "body.bundle: "),
    ({"bundle": "x", "spec": []}, "body.spec: must be an object"),
    ({"bundle": "x", "spec": {}, "requirements": {}}, "body.requirements: "),
    ({"bundle": "x", "spec": {}, "requirements": [{}] * 65}, "65 requirements are over the maximum of 64"),
    ({"bundle": "x", "spec": {}, "boot_check": "yes"}, "body.boot_check: "),
    ({"bundle": "x", "spec": {}, "flavour": 1}, "body.flavour: unknown key"),
    ({"bundle": "x", "spec": {}}, "body.bundle: 'x' is not a digest"),
    ({"bundle": "sha256:" + "0" * 64, "spec": {}}, "send it to /v1/bundles first"),
])
def test_refuses_wrong_submissions(service, body, detail):
    answer = service.post_json("/v1/builds", body)
    assert answer.status == 400
    assert detail in answer.error["detail"]


@pytest.mark.parametrize("path, sent, wanted", [
    ("/v1/builds", "text/plain", "application/json"),
    ("/v1/builds", "application/x-www-form-urlencoded", "application/json"),
    ("/v1/bundles", "application/json", "application/x-tar"),
    ("/v1/bundles", "text/plain", "application/x-tar"),
])
def test_refuses_other_media_types(service, path, sent, wanted):
    answer = service.request("POST", path, b"x", {"Content-Type": sent})
    assert (answer.status, answer.error["code"]) == (415, "body.media-type")
    assert wanted in answer.error["detail"]


def test_takes_json_with_a_charset(service):
    answer = service.request("POST", "/v1/builds", b"{}", {"Content-Type": "Application/JSON; charset=utf-8"})
    assert answer.status == 400 and "body.bundle" in answer.error["detail"]


@pytest.mark.parametrize("path, media, limit", [
    ("/v1/builds", "application/json", 1 << 20),
    ("/v1/bundles", "application/x-tar", 64 << 20),
])
def test_refuses_oversize_bodies_before_they_are_sent(service, path, media, limit):
    head = f"POST {path} HTTP/1.1\r\nContent-Type: {media}\r\nContent-Length: {limit + 1}\r\n".encode()
    answer = service.raw(head + HEAD + b"\r\n")
    assert (status_of(answer), code_of(answer)) == (413, "body.too-large")
    assert str(limit).encode() in answer


def test_refuses_a_body_where_none_belongs(service):
    answer = service.request("DELETE", "/v1/builds/x", b"body")
    assert answer.status == 413


def test_takes_a_json_body_of_exactly_the_limit(service):
    text = json.dumps({"bundle": "x", "spec": {"name": "a"}})
    answer = service.post_json("/v1/builds", text + " " * ((1 << 20) - len(text)))
    assert answer.status == 400 and "is not a digest" in answer.error["detail"]


@pytest.mark.parametrize("header, status, code", [
    (b"Transfer-Encoding: chunked", 411, "body.length-required"),
    (b"Transfer-Encoding: gzip, chunked", 411, "body.length-required"),
    (b"Content-Length: -1", 400, "header.content-length"),
    (b"Content-Length: 0x10", 400, "header.content-length"),
    (b"Content-Length: 99999999999999999999999", 400, "header.content-length"),
    (b"Content-Length: 4, 4", 400, "header.content-length"),
    (b"Content-Length: 4\r\nContent-Length: 5", 400, "header.content-length"),
    (b"Content-Length: 4\r\nTransfer-Encoding: chunked", 400, "http.malformed"),
    (b"X: y", 411, "body.length-required"),
])
def test_refuses_unclear_body_lengths(service, header, status, code):
    answer = service.raw(b"POST /v1/bundles HTTP/1.1\r\nContent-Type: application/x-tar\r\n" + HEAD + header +
                         b"\r\n\r\n-1\r\nabcd\r\n")
    assert (status_of(answer), code_of(answer)) == (status, code)
    assert service.get("/healthcheck").status == 200


@pytest.mark.parametrize("line", [
    b"GET\r\n", b"GET /\r\n", b"GET / HTTP/9.9\r\n", b"\0\0\0\0\r\n", b"GET / FTP/1.0\r\n", b" GET / HTTP/1.1\r\n",
    b"GET /\x01 HTTP/1.1\r\n", b"G\xc3\xa9T / HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
])
def test_refuses_what_is_not_http(service, line):
    answer = service.raw(line + HEAD + b"\r\n")
    assert status_of(answer) in (400, 505)
    assert service.get("/healthcheck").status == 200


@pytest.mark.parametrize("target", [b"//evil/v1", b"http://localhost/", b"*", b"/a|b", b"/a\"b", b"/a#b"])
def test_refuses_odd_targets(service, target):
    answer = service.raw(b"GET " + target + b" HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert (status_of(answer), code_of(answer)) == (400, "path.invalid")


def test_refuses_a_long_target(service):
    answer = service.raw(b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert status_of(answer) == 414


def test_refuses_a_head_over_16_kib(service):
    answer = service.raw(b"GET / HTTP/1.1\r\n" + HEAD + b"X: " + b"a" * 20_000 + b"\r\n\r\n")
    assert (status_of(answer), code_of(answer)) == (431, "header.too-large")


def test_refuses_an_endless_head_without_keeping_it(service):
    answer = service.raw(b"GET / HTTP/1.1\r\nX: ", *[b"a" * (1 << 20)] * 8)
    assert answer == b"" or status_of(answer) == 431
    rss = int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{service.process.pid}/status").read())[1])
    assert rss < 200 * 1024
    assert service.get("/healthcheck").status == 200


def test_refuses_too_many_headers(service):
    answer = service.raw(b"GET / HTTP/1.1\r\n" + HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(70)) + b"\r\n")
    assert (status_of(answer), code_of(answer)) == (431, "header.too-many")


@pytest.mark.parametrize("header", [b"X: a\x01b", b"X: caf\xc3\xa9", b"X\x00: a", b": a", b"no colon", b"X : a"])
def test_refuses_malformed_headers(service, header):
    answer = service.raw(b"GET / HTTP/1.1\r\n" + HEAD + header + b"\r\n\r\n")
    assert status_of(answer) == 400


@pytest.mark.parametrize("host, status", [
    (b"Host: 127.0.0.1:8770\r\n", 200), (b"Host: localhost\r\n", 200), (b"Host: [::1]:8770\r\n", 200),
    (b"Host: evil.example\r\n", 421), (b"Host: localhost.evil.example\r\n", 421), (b"Host: 127.evil.example\r\n", 421),
    (b"Host: 10.0.0.1\r\n", 421), (b"", 400), (b"Host: localhost\r\nHost: evil.example\r\n", 400),
])
def test_answers_only_to_this_machines_names(service, host, status):
    """A web page that rebinds its own name to 127.0.0.1 must not get in."""
    answer = service.raw(b"GET /healthcheck HTTP/1.1\r\n" + host + b"\r\n")
    assert status_of(answer) == status


def test_invites_a_waiting_body(service):
    """curl sends Expect: 100-continue with large bodies and would wait a second."""
    data = tar({"main.cc": "int main() {}\n"})
    head = b"POST /v1/bundles HTTP/1.1\r\nContent-Type: application/x-tar\r\nExpect: 100-continue\r\n" + HEAD
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(data))
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(data)
        assert status_of(connection.recv(1000)) == 201


def test_cuts_a_client_that_does_not_finish_its_head(service):
    begun = time.monotonic()
    answer = service.raw(b"GET / HTTP/1.1\r\n", *[b"X: y\r\n"] * 20, pause=1.0, timeout=40)
    assert answer == b""
    assert time.monotonic() - begun < 25
    assert "did not finish its request's head" in service.log()


def test_cuts_a_client_that_stops_in_its_body(service):
    head = b"POST /v1/bundles HTTP/1.1\r\nContent-Type: application/x-tar\r\nContent-Length: 2000000\r\n" + HEAD
    answer = service.raw(head + b"\r\nsome", timeout=40)
    assert answer == b"" or status_of(answer) == 503
    wait_until(lambda: not list((service.state / "incoming").iterdir()))


def test_survives_clients_that_go_away_in_their_body(service):
    head = b"POST /v1/bundles HTTP/1.1\r\nContent-Type: application/x-tar\r\nContent-Length: 2000000\r\n" + HEAD
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
            connection.sendall(head + b"\r\nsome")
    data = tar({"main.cc": "int main() {}\n"})
    media = {"Content-Type": "application/x-tar"}
    wait_until(lambda: service.request("POST", "/v1/bundles", data, media).status == 201)
    wait_until(lambda: not list((service.state / "incoming").iterdir()))


def test_limits_connections(start):
    service = start()
    idle = [socket.create_connection(("127.0.0.1", service.port), timeout=20) for _ in range(128)]
    try:
        # 128 that wait in the kernel's queue are not 128 that the service has taken.
        wait_until(lambda: status_of(answer := service.raw(b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n")) == 503
                   and code_of(answer) == "connections.too-many")
    finally:
        for connection in idle:
            connection.close()
    wait_until(lambda: service.get("/healthcheck").status == 200)


def test_who_sends_a_short_body_slowly_holds_no_handler(service):
    head = b"POST /v1/builds HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n" + HEAD
    with contextlib.ExitStack() as slow:
        for _ in range(20):
            connection = slow.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=20))
            connection.sendall(head + b"\r\n{")
        time.sleep(0.5)  # until the heads were read
        begun = time.monotonic()
        assert service.get("/healthcheck").status == 200
        assert time.monotonic() - begun < 10, "it waited for one of them to be cut"


def test_limits_uploads(service):
    """Four slow uploads, and a fifth is asked to come back."""
    head = b"POST /v1/bundles HTTP/1.1\r\nContent-Type: application/x-tar\r\nContent-Length: 2000000\r\n" + HEAD
    slow = [socket.create_connection(("127.0.0.1", service.port), timeout=20) for _ in range(4)]
    try:
        for connection in slow:
            connection.sendall(head + b"\r\nab")
        wait_until(lambda: len(list((service.state / "incoming").iterdir())) == 4)
        answer = service.request("POST", "/v1/bundles", b"x", {"Content-Type": "application/x-tar"})
        assert (answer.status, answer.error["code"]) == (503, "uploads.too-many")
        assert int(answer.headers["Retry-After"]) > 0
        # Without one byte of its body: what is refused is not taken first.
        assert code_of(service.raw(head + b"\r\n", timeout=10)) == "uploads.too-many"
        answer = service.request("POST", "/v1/bundles", bytes(40 << 20), {"Content-Type": "application/x-tar"})
        assert answer.status == 503
        assert service.get("/healthcheck").status == 200
        for connection in slow:
            connection.sendall(b"c" * (2_000_000 - 2))
            assert status_of(connection.recv(1000)) == 201
    finally:
        for connection in slow:
            connection.close()


def test_the_inner_listener_answers_nobody_else(service):
    """The port behind the gate refuses whoever did not come through the gate."""
    inodes = set()
    for line in open("/proc/net/tcp").read().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A":
            inodes.add((fields[9], int(fields[1].split(":")[1], 16)))
    mine = set()
    for name in os.listdir(f"/proc/{service.process.pid}/fd"):
        link = os.readlink(f"/proc/{service.process.pid}/fd/{name}")
        mine |= {port for inode, port in inodes if link == f"socket:[{inode}]"}
    mine.discard(service.port)
    assert mine
    for port in mine:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"GET /healthcheck HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert status_of(connection.recv(1000)) == 403


def test_many_clients_at_once(service):
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(lambda _: service.get("/v1/builds").status, range(300)))
    assert set(statuses) <= {200, 503} and statuses.count(200) > 200
    assert threading.active_count() < 40


def test_bundles_are_content_addressed(service):
    data = tar({"a.cc": "int a;\n"})
    first = service.request("POST", "/v1/bundles", data, {"Content-Type": "application/x-tar"})
    second = service.request("POST", "/v1/bundles", data, {"Content-Type": "application/octet-stream"})
    assert first.status == second.status == 201
    assert first.json == second.json == {"digest": "sha256:" + hashlib.sha256(data).hexdigest()}


def test_takes_a_bundle_of_exactly_the_limit(service):
    answer = service.request("POST", "/v1/bundles", bytes(64 << 20), {"Content-Type": "application/x-tar"})
    assert answer.status == 201


def test_refuses_an_empty_bundle(service):
    answer = service.request("POST", "/v1/bundles", b"", {"Content-Type": "application/x-tar"})
    assert (answer.status, answer.error["code"]) == (400, "bundle.invalid")


def test_lists_modules_with_their_options(service):
    modules = {module["name"]: module for module in service.get("/v1/modules").json["modules"]}
    assert modules["http-guard"]["kind"] == "security"
    assert "options" not in modules["http-guard"]
    module = service.get("/v1/modules/http-guard").json
    assert module["options"]["realm"]["default"] == "restricted"
    for path in ("/v1/modules/none", "/v1/modules/..", "/v1/modules/" + "a" * 100):
        assert service.get(path).status == 404


def test_lists_platforms(service):
    platforms = service.get("/v1/platforms").json["platforms"]
    assert [platform["name"] for platform in platforms] == ["u0"]
    assert {"accelerators", "checks"} <= set(platforms[0])
