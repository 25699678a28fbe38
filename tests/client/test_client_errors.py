# SPDX-License-Identifier: Apache-2.0
"""Answers that are hard to get from a healthy service. The same ways against the real one: test_client_service.py."""

import concurrent.futures
import io
import pathlib
import re
import socket

import pytest
import requests
import requests_mock
import yaml
from keystoneauth1 import session as keystone_session
from keystoneauth1.fixture import V3Token
from keystoneauth1.identity import v3

from unikernelclient import exceptions
from unikernelclient.client import Client

URL = "http://builder.example"
OPENAPI = pathlib.Path(__file__).resolve().parents[2] / "builder_service" / "api" / "openapi.yaml"


@pytest.fixture
def http():
    with requests_mock.Mocker() as mocker:
        yield mocker


@pytest.fixture
def client():
    return Client(keystone_session.Session(), endpoint_override=URL)


@pytest.fixture
def no_pauses(monkeypatch):
    """The pauses that were made."""
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses


def problem(status, code="some.code", detail="what is wrong"):
    return {"status_code": status, "json": {"errors": [{"status": status, "code": code, "title": "T", "detail": detail,
                                                        "request_id": "req-1"}]}}


@pytest.mark.parametrize("status, kind", [
    (400, exceptions.BadRequest), (401, exceptions.Unauthorized), (403, exceptions.Forbidden),
    (404, exceptions.NotFound), (409, exceptions.Conflict), (503, exceptions.Unavailable), (507, exceptions.ApiError)])
def test_errors_have_types(http, client, status, kind):
    http.get(URL + "/v1/builds/b", **problem(status))
    with pytest.raises(kind) as caught:
        client.builds.get("b")
    error = caught.value
    assert (error.status, error.code, error.detail, error.request_id) == (status, "some.code", "what is wrong", "req-1")
    assert str(error) == "what is wrong (some.code, req-1)"


def test_a_proxys_page_is_an_error_as_well(http, client):
    http.get(URL + "/v1/builds/b", status_code=502, text="<html>Bad Gateway</html>", reason="Bad Gateway")
    with pytest.raises(exceptions.ApiError, match="GET .*/v1/builds/b: 502 Bad Gateway"):
        client.builds.get("b")


def test_says_when_to_try_again(http, client):
    http.post(URL + "/v1/builds", headers={"Retry-After": "10"}, **problem(503))
    with pytest.raises(exceptions.Unavailable) as caught:
        client.builds.create("sha256:0")
    assert caught.value.retry_after == 10


def test_nobody_answers(http, client):
    http.get(URL + "/v1/builds/b", exc=requests.exceptions.ConnectTimeout)
    with pytest.raises(exceptions.Unavailable, match="does not answer"):
        client.builds.get("b")


def test_another_service_answers(http, client):
    http.get(URL + "/v1/builds/b", text="hello")
    with pytest.raises(exceptions.Unavailable, match="is no builder service"):
        client.builds.get("b")


def test_follows_pages_to_the_limit(http, client):
    def page(request, _):
        first = int(request.qs.get("marker", ["0"])[0]) + 1
        following = [{"rel": "next", "href": f"https://public.example/v1/builds?marker={first + 1}&limit=2"}]
        return {"builds": [{"id": first}, {"id": first + 1}], "links": following if first < 5 else []}
    http.get(URL + "/v1/builds", json=page)
    assert [build["id"] for build in client.builds.list()] == [1, 2, 3, 4, 5, 6]
    assert [build["id"] for build in client.builds.list(limit=3)] == [1, 2, 3]
    assert {request.netloc for request in http.request_history} == {"builder.example"}


def event(number, kind="log"):
    return b'{"n":%d,"time":"","phase":"","kind":"%s","text":""}\n' % (number, kind.encode())


def test_events_go_on_where_they_broke_off(http, client, no_pauses):
    http.get(URL + "/v1/builds/b/events", [
        {"content": event(1) + b"\n\n" + event(2)}, {"exc": requests.exceptions.ConnectionError},
        problem(503), {"content": event(3) + event(4, "end")}])
    assert [item["n"] for item in client.builds.events("b")] == [1, 2, 3, 4]
    assert [request.qs["from"] for request in http.request_history] == [["1"], ["3"], ["3"], ["3"]]
    assert no_pauses == [0.5, 1, 2]


def test_events_come_at_once_also_through_a_proxy_of_http_1_0():
    with socket.create_server(("127.0.0.1", 0)) as listener, concurrent.futures.ThreadPoolExecutor(1) as pool:
        client = Client(keystone_session.Session(), endpoint_override=f"http://127.0.0.1:{listener.getsockname()[1]}")
        first = pool.submit(next, client.builds.events("b"))
        with listener.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n" + event(1))
            assert first.result(timeout=30)["n"] == 1


def test_events_give_up_in_the_end(http, client, no_pauses):
    http.get(URL + "/v1/builds/b/events", exc=requests.exceptions.ConnectionError)
    with pytest.raises(exceptions.Unavailable, match="does not answer"):
        list(client.builds.events("b"))
    assert sum(no_pauses) > 60


def test_events_that_never_end_are_given_up(http, client, no_pauses):
    http.get(URL + "/v1/builds/b/events", content=b"\n")
    with pytest.raises(exceptions.Unavailable, match="break off before number 1"):
        list(client.builds.events("b"))


def test_events_of_no_build(http, client, no_pauses):
    http.get(URL + "/v1/builds/b/events", **problem(404))
    with pytest.raises(exceptions.NotFound):
        list(client.builds.events("b"))
    assert not no_pauses


def test_an_image_that_breaks_off(http, client):
    http.get(URL + "/v1/images/sha256:0/file", content=b"1234", headers={"Content-Length": "10"})
    blocks, total = client.images.data("sha256:0")
    assert total == 10
    with pytest.raises(exceptions.Unavailable, match="broke off 6 bytes before its end"):
        list(blocks)


def test_a_proxy_that_ignores_range(http, client):
    http.get(URL + "/v1/images/sha256:0/file", content=b"1234")
    with pytest.raises(exceptions.Unavailable, match="ignores Range"):
        client.images.data("sha256:0", offset=2)


def test_a_file_that_shrinks_while_it_is_sent(http, client):
    http.post(URL + "/v1/images", additional_matcher=lambda request: bool(list(request.body)))
    with pytest.raises(exceptions.InvalidInput, match="ended 6 bytes before its size of 10"):
        client.images.create(io.BytesIO(b"1234"), 10)


# With a catalogue and tokens

KEYSTONE = "http://keystone.example/v3"


def keystone_client(http, endpoint=True, **options):
    token = V3Token()
    token.set_project_scope()
    if endpoint:
        token.add_service("unikernel").add_standard_endpoints(public=URL, region="RegionOne")
    http.post(KEYSTONE + "/auth/tokens", json=token, headers={"X-Subject-Token": "token"})
    password = v3.Password(KEYSTONE, username="u", password="p", user_domain_id="default", project_name="p",
                           project_domain_id="default")
    return Client(keystone_session.Session(password), region_name="RegionOne", **options)


def test_finds_the_service_in_the_catalogue_and_sends_what_it_wants_to_know(http):
    http.get(URL + "/v1/builds/b", json={})
    keystone_client(http, global_request_id="req-7").builds.get("b")
    headers = http.last_request.headers
    assert headers["X-Auth-Token"] == "token"
    assert headers["OpenStack-API-Version"] == "unikernel 1.0"
    assert headers["X-OpenStack-Request-ID"] == "req-7"
    assert "unikernelclient" in headers["User-Agent"]


def test_a_catalogue_without_the_service(http):
    with pytest.raises(exceptions.Unavailable, match="no endpoint of type unikernel .* openstack catalog list"):
        keystone_client(http, endpoint=False).builds.get("b")


def test_an_upload_is_sent_again_in_full_after_a_new_token(http):
    bodies = []

    def answer(request, context):
        bodies.append(b"".join(request.body))
        context.status_code = 401 if len(bodies) == 1 else 201
        return {"digest": "sha256:1"}
    http.post(URL + "/v1/bundles", json=answer)
    assert keystone_client(http).bundles.create(io.BytesIO(b"tar")) == "sha256:1"
    assert bodies == [b"tar", b"tar"]
    assert http.last_request.headers["Content-Length"] == "3"


def test_an_upload_may_be_tried_again(http, client):
    bodies = []

    def answer(request, context):
        bodies.append(b"".join(request.body))
        context.status_code = 503 if len(bodies) == 1 else 201
        return {"digest": "sha256:1"}
    http.post(URL + "/v1/bundles", json=answer)
    file = io.BytesIO(b"head, tar")
    file.seek(6)
    with pytest.raises(exceptions.Unavailable):
        client.bundles.create(file)
    assert client.bundles.create(file) == "sha256:1" and bodies == [b"tar", b"tar"]


def test_a_source_that_can_only_be_read_is_uploaded_once(http):
    http.post(URL + "/v1/images", json=lambda request, context: b"".join(request.body) and {}, status_code=401)

    class Source:
        read = io.BytesIO(b"image").read
    with pytest.raises(exceptions.Unavailable, match="cannot be read again; start over"):
        keystone_client(http).images.create(Source(), 5)


@pytest.mark.parametrize("status, kind, words", [
    (401, exceptions.Unauthorized, "Keystone refuses the credentials"),
    (500, exceptions.Unavailable, "no token for the builder service")])
def test_keystones_refusals_are_typed(http, status, kind, words):
    client = keystone_client(http)
    http.post(KEYSTONE + "/auth/tokens", status_code=status)
    with pytest.raises(kind, match=words):
        client.builds.get("b")


# Against the service's own description

def call_everything(client):
    client.bundles.create(io.BytesIO(b"x"))
    client.builds.create("sha256:0", {}, ["r"], False, {"name": "n"})
    client.builds.list(5, all_projects=True)
    client.builds.get("id")
    client.builds.cancel("id")
    list(client.builds.events("id"))
    client.images.create(io.BytesIO(b"x"))
    client.images.list(5, all_projects=True)
    client.images.get("sha256:0")
    client.images.delete("sha256:0")
    list(client.images.data("sha256:0")[0])
    client.modules.list()
    client.modules.get("name")
    client.platforms.list()
    client.requirements.create({}, domain="d1")
    client.requirements.list(5, all_projects=True)
    client.requirements.get("name", "d1")
    client.requirements.revisions("name", "d1")
    client.requirements.update("name", {}, domain="d1")
    client.requirements.delete("name", domain="d1")
    client.requirements.create({}, dry_run=True)
    client.requirements.update("name", {}, dry_run=True)
    client.requirements.delete("name", dry_run=True)
    client.rollouts.list(5, all_projects=True, state="failed")
    client.rollouts.get("id")
    for act in (client.rollouts.pause, client.rollouts.resume, client.rollouts.abort):
        act("id")
    client.compliance.get(all_projects=True)
    client.compliance.page()


def test_every_request_is_one_that_the_service_describes(http, client):
    http.register_uri(requests_mock.ANY, re.compile("/v1/.*"), json={
        "digest": "", "builds": [], "images": [], "modules": [], "platforms": [], "requirements": [], "rollouts": []})
    http.get(re.compile("/v1/builds/.*/events"), content=event(1, "end"))
    http.get(re.compile("/v1/images/.*/file"), content=b"x", headers={"Content-Length": "1"})
    call_everything(client)
    paths = yaml.safe_load(OPENAPI.read_text())["paths"]
    unknown = [f"{request.method} {request.path}?{request.query}" for request in http.request_history
               if not described(paths, request)]
    assert not unknown, "builder_service/api/openapi.yaml does not have these"


def described(paths, request):
    for template, operations in paths.items():
        operation = operations.get(request.method.lower())
        if operation and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), request.path):
            names = {parameter.get("name") or parameter["$ref"].rpartition("/")[2]
                     for parameter in operation.get("parameters", ())}
            return set(request.qs) <= names
    return False
