# SPDX-License-Identifier: Apache-2.0
"""No project keeps all others out: what one may have at once."""

import contextlib
import json
import socket

import pytest

from service_process import status_of, tar, wait_until

JSON, TAR = ("application/json", "application/x-tar")


@pytest.fixture(name="service")
def fixture_service(builder):
    return builder()


def refused(answer, code):
    return answer.status == 429 and answer.error["code"] == code and int(answer.headers["Retry-After"]) > 0


@contextlib.contextmanager
def begun(service, number, head):
    """Connections whose requests were begun and not ended."""
    with contextlib.ExitStack() as opened:
        for _ in range(number):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=20))
            connection.sendall(head.encode() + b"\r\n\r\n{")
        yield


def post(path, media, token, size):
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {token}\r\nContent-Type: {media}\r\n"
            f"Content-Length: {size}")


def test_connections(keystone, service):
    ann, bob = ({"X-Auth-Token": keystone.token(*who)} for who in (("ann", "blue"), ("bob", "red")))
    with begun(service, 48, post("/v1/builds", JSON, ann["X-Auth-Token"], 1000)):
        wait_until(lambda: refused(service.get("/v1/builds", ann), "connections.too-many"))
        assert service.get("/v1/builds", bob).status == 200
    wait_until(lambda: service.get("/v1/builds", ann).status == 200)


def test_uploads(keystone, service):
    ann, bob = ({"X-Auth-Token": keystone.token(*who), "Content-Type": TAR}
                for who in (("ann", "blue"), ("bob", "red")))
    with begun(service, 2, post("/v1/bundles", TAR, ann["X-Auth-Token"], 2 << 20)):
        wait_until(lambda: len(list((service.state / "incoming").iterdir())) == 2)
        answer = service.request("POST", "/v1/bundles", tar({"a": "b"}), ann)
        assert refused(answer, "uploads.too-many") and "the project has 2 uploads" in answer.error["detail"]
        assert service.request("POST", "/v1/bundles", tar({"a": "b"}), bob).status == 201
    wait_until(lambda: service.request("POST", "/v1/bundles", tar({"a": "b"}), ann).status == 201)


def test_event_streams(keystone, service):
    ann, nova = ({"X-Auth-Token": keystone.token(*who)} for who in (("ann", "blue"), ("nova", "service")))

    def submit(who):
        bundle = service.request("POST", "/v1/bundles", tar({"a": "b"}), {**who, "Content-Type": TAR}).json["digest"]
        body = {"bundle": bundle, "spec": {"name": "long", "labels": {"sleep_ms": "60000"}}, "requirements": []}
        answer = service.request("POST", "/v1/builds", json.dumps(body), {**who, "Content-Type": JSON})
        return f"/v1/builds/{answer.json['id']}/events"

    def watch(who, place):
        watcher = streams.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=20))
        watcher.sendall(f"GET {place} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {who['X-Auth-Token']}\r\n\r\n".encode())
        return status_of(watcher.recv(12))

    with contextlib.ExitStack() as streams:
        place = submit(ann)
        assert [watch(ann, place) for _ in range(12)] == [200] * 12
        assert refused(service.get(place, ann), "event-streams.too-many")
        place = submit(nova)
        assert [watch(nova, place) for _ in range(13)] == [200] * 13, "a service acts for all projects"
