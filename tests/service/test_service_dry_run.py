# SPDX-License-Identifier: Apache-2.0
"""?dry_run=true: what a requirement would change, by the stub builder with the real modules and plans."""

import json

import pytest

from canned_service import check_schema


def document(name, images, **modules):
    return {"name": name, "applies_to": {"images": images}, "modules": modules or {"console": {"speed": 9600}}}


def dry(service, method, name="", value=None, **more):
    body = json.dumps({"document": value, **more}) if value else None
    path = "/v1/requirements" + (name and "/" + name) + "?dry_run=true"
    return service.request(method, path, body, {"Content-Type": "application/json"} if body else {})


@pytest.fixture(scope="module")
def lines(service):
    """Two lines with images; what the first is named."""
    for name in ("dry-web", "dry-db"):
        build = service.submit(name, image_bytes=len(name)).json
        assert service.wait_for(build["id"])["state"] == "succeeded"
    return "dry-web"


def test_a_new_one_is_shown_and_not_stored(service, lines):
    answer = dry(service, "POST", value=document("dry-new", [lines], console={"speed": 9600}, lwip={}))
    assert answer.status == 200, answer.body
    requirement = answer.json["requirement"]
    assert (requirement["name"], requirement["revision"], requirement["deleted"]) == ("dry-new", 1, False)
    change, = answer.json["changes"]
    build = service.build(change["build"])
    assert (change["name"], change["project"], change["image"]) == (lines, "", build["image"])
    assert (change["outcome"], change["servers"], change["image_id"]) == ("rebuild", [], None)
    modules = {module["name"]: module for module in change["modules"]}
    assert modules["console"]["options"]["speed"] == {"from": 115200, "to": 9600, "sources": ["requirement dry-new"]}
    assert (modules["lwip"]["change"], modules["lwip"]["reason"]) == ("added", "asked for by requirement dry-new")
    assert "needed by" in modules["virtio-net"]["reason"] or "needed by" in modules["virtio"]["reason"]
    assert service.get("/v1/requirements/dry-new?revisions=true").status == 404


def test_what_it_says_is_what_happens(service, lines):
    wanted = document("dry-real", [lines], console={"speed": 4800})
    change, = dry(service, "POST", value=wanted).json["changes"]
    assert service.post_json("/v1/requirements", {"document": wanted}).status == 201
    try:
        build = service.wait_for(service.submit(lines, image_bytes=77).json["id"])
        note = service.get("/v1/images/" + build["image"]).json["description"]
        assert note["configuration"]["console"]["speed"] == 4800
        assert [module["name"] for module in note["modules"]] == \
            [module["name"] for module in change["modules"] if module["change"] != "removed"]
        again, = dry(service, "PUT", "dry-real", wanted).json["changes"]
        assert again["outcome"] == "unchanged", again
        ended = dry(service, "DELETE", "dry-real").json
        assert (ended["requirement"]["revision"], ended["requirement"]["deleted"]) == (2, True)
        gone, = ended["changes"]
        assert gone["outcome"] == "rebuild" and gone["reason"].startswith("it no longer applies"), gone
        elsewhere = dry(service, "PUT", "dry-real", document("dry-real", ["dry-db"], console={"speed": 4800})).json
        assert [(each["name"], each["outcome"]) for each in elsewhere["changes"]] == \
            [("dry-db", "rebuild"), ("dry-web", "rebuild")]
        assert service.get("/v1/requirements/dry-real").json["revision"] == 1
    finally:
        assert service.request("DELETE", "/v1/requirements/dry-real").status == 204


def test_what_cannot_be_is_explained(service, lines):
    slow, fast = (document(name, [lines], console={"speed": speed}) for name, speed in
                  (("dry-slow", 4800), ("dry-fast", 9600)))
    assert service.post_json("/v1/requirements", {"document": slow}).status == 201
    try:
        change, = dry(service, "POST", value=fast).json["changes"]
        assert change["outcome"] == "unresolvable" and change["modules"] == []
        for word in ("option speed", "requirements.dry-slow", "requirements.dry-fast", "4800", "9600"):
            assert word in change["reason"]
    finally:
        assert service.request("DELETE", "/v1/requirements/dry-slow").status == 204


def test_one_that_applies_to_nothing_changes_nothing(service, lines):
    assert dry(service, "POST", value=document("dry-none", ["no-such-image"])).json["changes"] == []


def test_one_that_holds_later_shows_what_it_changes_then(service, lines):
    then = "2099-01-01T00:00:00Z"
    later = {**document("dry-later", [lines], console={"speed": 9600}), "valid_from": then}
    answer = dry(service, "POST", value=later).json
    check_schema("DryRun", answer)
    change, = answer["changes"]
    assert (change["outcome"], change["from"]) == ("rebuild", then)
    assert change["reason"].startswith(f"from {then}: it applies to image"), change
    assert service.get("/v1/requirements/dry-later").status == 404


def test_one_that_holds_later_in_place_of_one_that_holds_now_leaves_a_gap(service, lines):
    now = document("dry-gap", [lines], console={"speed": 4800})
    assert service.post_json("/v1/requirements", {"document": now}).status == 201
    try:
        service.wait_for(service.submit(lines, image_bytes=78).json["id"])
        gap, then = dry(service, "PUT", "dry-gap", {**now, "valid_from": "2099-01-01T00:00:00Z"}).json["changes"]
        assert (gap["outcome"], gap["from"]) == ("rebuild", None)
        assert gap["reason"].startswith("it holds only from 2099-01-01T00:00:00Z on")
        assert (then["outcome"], then["from"]) == ("rebuild", "2099-01-01T00:00:00Z")
        console, = (module for module in then["modules"] if module["name"] == "console")
        assert console["options"]["speed"] == {"from": 115200, "to": 4800, "sources": ["requirement dry-gap"]}
    finally:
        assert service.request("DELETE", "/v1/requirements/dry-gap").status == 204


def test_a_global_one_is_for_all(service, lines):
    everything = {**document("dry-global", [lines]), "applies_to": {"everything": True}}
    answer = dry(service, "POST", value=everything, project=None)
    assert answer.json["requirement"]["project"] is None
    assert {"dry-web", "dry-db"} <= {change["name"] for change in answer.json["changes"]}


@pytest.mark.parametrize("method, name, value, status", [
    ("POST", "", document("dry-bad", ["a"], console={"speed": 1}), 400),
    ("PUT", "dry-missing", document("dry-missing", ["a"]), 404),
    ("DELETE", "dry-missing", None, 404)])
def test_refuses_what_would_be_refused(service, method, name, value, status):
    assert dry(service, method, name, value).status == status


def test_the_flag_is_true_or_false(service):
    answer = service.post_json("/v1/requirements?dry_run=yes", {"document": document("dry-yes", ["a"])})
    assert (answer.status, answer.error["code"]) == (400, "query.invalid")
    assert service.get("/v1/requirements/dry-yes").status == 404
