# SPDX-License-Identifier: Apache-2.0
"""The client against the real service (with a pipeline that does what labels say, where that is enough)."""

import hashlib
import io
import json
import re
import subprocess
import threading

import pytest
from keystoneauth1 import session as keystone_session
from openstack_command import client_of
from service_process import program, tar, wait_until

from unikernelclient import bundle, documents, exceptions
from unikernelclient.client import Client

SPEC = """
name: app
platform: u0
labels: {tier: web, lines: '3'}
modules:
  posix:
    scalars: [yes, No, on, true, False, TRUE, ~, null, "null", 0x1F, 0o17, 017, 08, +5, -0, 1_000, 12:30:45, 2026-01-01,
              1e3, .5, 1., -1.5e-3, 1e400, .inf, NaN, 9223372036854775807, 18446744073709551615, 99999999999999999999,
              "5", '5', c++20, 1.2.3, é, =, <<]
    1: a key
    empty:
    text: |
      two
      lines
    folded: >-
      one
      line
"""
REQUIREMENT = r"""
name: staff-only
applies_to: {labels: {tier: web}}
modules:
  http-guard:
    realm: "stäff \\ \"1\" \x7f\x01\n \U0001F600"
    limit: 1.5
    credentials:
      - {name: a, kind: basic, user: a, secret: {from_env: STAFF_PASSWORD}}
      - {name: b, kind: basic, user: b, secret: {from_file: secret}}
      - {name: c, kind: basic, user: c, secret: {plain: "0123"}}
"""


def bundled(client, files=None):
    return client.bundles.create(io.BytesIO(tar(files or {"main.cc": "int main() {}\n"})))


def build(client, name="app", **labels):
    spec = {"name": name, "labels": {key: str(value) for key, value in labels.items()}}
    return client.builds.create(bundled(client), spec)


def test_a_build_from_its_bundle_to_the_images_bytes(client):
    seen = []
    ended = client.builds.wait(build(client, lines=3)["id"], seen.append)
    assert ended["state"] == "succeeded" and [event["n"] for event in seen] == list(range(1, len(seen) + 1))
    assert [event["kind"] for event in seen].count("log") == 3 and seen[-1]["kind"] == "end"
    image = client.images.get(ended["image"])
    assert [image["digest"]] == [item["digest"] for item in client.images.list()]
    blocks, total = client.images.data(ended["image"])
    data = b"".join(blocks)
    assert "sha256:" + hashlib.sha256(data).hexdigest() == image["digest"] and len(data) == total == image["bytes"]
    rest, total = client.images.data(ended["image"], offset=5, chunk_size=3)
    assert b"".join(rest) == data[5:] and total == len(data)
    client.images.delete(ended["image"])
    with pytest.raises(exceptions.NotFound):
        client.images.get(ended["image"])


def test_a_build_that_fails_is_no_error_of_the_request(client):
    ended = client.builds.wait(build(client, state="compile-failed", error="main.cc:1: wrong")["id"])
    assert (ended["state"], ended["error"]) == ("compile-failed", "main.cc:1: wrong")


def test_cancels(client):
    build_id = build(client, sleep_ms=60_000)["id"]
    client.builds.cancel(build_id)
    assert client.builds.wait(build_id)["state"] == "cancelled"


def test_events_come_while_they_happen(client):
    build_id = build(client, lines=1, sleep_ms=60_000)["id"]
    events = client.builds.events(build_id)
    assert [next(events)["kind"] for _ in range(3)] == ["phase", "phase", "log"]
    client.builds.cancel(build_id)
    assert list(events)[-1]["state"] == "cancelled"


def test_events_go_on_after_the_service_was_killed_and_started_again(stub, client):
    build_id = build(client, sleep_ms=1500)["id"]
    seen = []
    waiting = threading.Thread(target=lambda: seen.extend(client.builds.events(build_id)))
    waiting.start()
    wait_until(lambda: stub.build(build_id)["phase"] == "compile")
    stub.kill()
    stub.start(stub.port)
    waiting.join(timeout=60)
    assert [event["n"] for event in seen] == list(range(1, len(seen) + 1))
    assert seen[-1]["state"] == "succeeded" and "warning" in [event["kind"] for event in seen]


def test_lists_all_builds_over_pages(client):
    ids = [build(client, name=f"app{number}")["id"] for number in range(5)]
    assert [item["id"] for item in client.builds.list()] == ids[::-1]
    assert [item["id"] for item in client.builds.list(limit=2)] == ids[:2:-1]


@pytest.mark.parametrize("call, kind, code", [
    (lambda client: client.builds.get("3fa85f64-5717-4562-b3fc-2c963f66afa6"), exceptions.NotFound, "not-found"),
    (lambda client: client.modules.get("none"), exceptions.NotFound, "not-found"),
    (lambda client: client.images.get("sha256:1"), exceptions.BadRequest, "invalid"),
    (lambda client: client.builds.create("sha256:" + "0" * 64, {}), exceptions.BadRequest, "bundle.unknown"),
    (lambda client: build(client, digest="unresolvable"), exceptions.Conflict, "spec.unresolvable"),
    (lambda client: client.bundles.create(io.BytesIO()), exceptions.BadRequest, "bundle.invalid"),
])
def test_refusals_are_typed(client, call, kind, code):
    with pytest.raises(kind) as caught:
        call(client)
    assert code in caught.value.code and caught.value.detail and caught.value.request_id.startswith("req-")


def test_a_bundle_over_the_limit_is_refused_with_the_limit(client):
    with pytest.raises(exceptions.ApiError, match="64 MiB|67108864") as caught:
        client.bundles.create(io.BytesIO(bytes((64 << 20) + 1)))
    assert caught.value.status == 413


def test_without_any_plugin_the_endpoint_is_enough(stub):
    client = Client(keystone_session.Session(), endpoint_override=f"http://127.0.0.1:{stub.port}")
    assert "u0" in [platform["name"] for platform in client.platforms.list()]
    assert "posix" in [module["name"] for module in client.modules.list()]


def test_nobody_answers():
    with pytest.raises(exceptions.Unavailable, match="127.0.0.1:1/"):
        client_of(1).modules.list()


@pytest.mark.parametrize("names", [["unikernel.yaml", "main.cc", "lib/a.cc", "lib-b.cc", "b" * 90 + ".cc", ".git/x",
                                    "old.img", "unreadable name.cc"]])
def test_the_command_line_sends_the_same_bundle_spec_and_sealed_secrets(stub, client, tmp_path, monkeypatch, names):
    """The request's digest is made of all three: if it is the same, this is the same request."""
    source = tmp_path / "app"
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(SPEC if name == "unikernel.yaml" else f"// {name}\n")
    (tmp_path / "requirement.yaml").write_text(REQUIREMENT)
    (tmp_path / "secret").write_text("from a file\r\n")
    monkeypatch.setenv("STAFF_PASSWORD", "correct horse")
    subprocess.run([program("unikernel"), "build", source, "--service", f"http://127.0.0.1:{stub.port}",
                    "--requirement", tmp_path / "requirement.yaml"])
    theirs, = client.builds.list()
    with open(tmp_path / "bundle", "w+b") as file:
        digest = bundle.pack(source, file)
        file.seek(0)
        assert client.bundles.create(file) == digest == theirs["bundle"]
    ours = client.builds.create(digest, documents.read(source / "unikernel.yaml"),
                                [documents.read(tmp_path / "requirement.yaml")])
    assert ours["request_digest"] == theirs["request_digest"] and ours["id"] == theirs["id"]
    assert b"correct horse" not in b"".join(file.read_bytes() for file in stub.state.rglob("*") if file.is_file())


@pytest.mark.parametrize("text, told", [
    ('{"name": "a", "modules": {"http-guard": {}}, "modules": {}}', 'key "modules" appears twice'),
    ('{"name": "a", "modules": {"b": [{"\\u00e9": 1, "é": 2}]}}', 'key "é" appears twice'),
    ('{"name": "a", "modules": {"b": {"limit": NaN}}}', "NaN is no number"),
    ('{"name": "a", "modules": {"b": {"limit": -Infinity}}}', "-Infinity is no number"),
    ('{"name": "a", "modules": {"b": {"limit": 1e400}}}', "1e400 "),
    ("name: a\nmodules: {http-guard: {}}\nmodules: {}\n", 'key "modules" appears twice'),
    ('name: a\nmodules: {b: [{"é": 1, é: 2}]}\n', 'key "é" appears twice'),
])
def test_what_would_silently_be_lost_is_refused_as_by_the_command_line(tmp_path, text, told):
    file = tmp_path / ("requirement.json" if text[0] == "{" else "requirement.yaml")
    file.write_text(text)
    with pytest.raises(exceptions.InvalidInput, match=f"{re.escape(str(file))}.*: {re.escape(told)}"):
        documents.read(file)
    if "appears twice" in told:
        theirs = subprocess.run([program("unikernel"), "requirement", "apply", file], capture_output=True, text=True)
        assert theirs.returncode and told in theirs.stderr


def test_a_sound_requirement_of_json_is_read_as_it_is(tmp_path):
    document = {"name": "a", "modules": {"b": {"limit": 1.5, "least": -2, "many": [1e3, True, None, "é"], "more": {}}}}
    (tmp_path / "requirement.json").write_text(json.dumps(document))
    assert documents.read(tmp_path / "requirement.json") == document
