# SPDX-License-Identifier: Apache-2.0
"""Stored requirements, by the stub builder with the real modules: without identity all is one project's."""

import contextlib
import datetime
import json
import pathlib
import sqlite3

import pytest
import yaml

from canned_service import check_schema

ROOT = pathlib.Path(__file__).resolve().parents[2]


def document(name, selector=None, **modules):
    return {"name": name, "applies_to": selector or {"images": [name]}, "modules": modules or {"console": None}}


def create(service, *arguments, **modules):
    return service.post_json("/v1/requirements", {"document": document(*arguments, **modules)})


def put(service, name, value):
    return service.request("PUT", "/v1/requirements/" + name, json.dumps({"document": value}),
                           {"Content-Type": "application/json"})


def test_revisions_are_added_and_never_overwritten(service):
    created = create(service, "grows")
    assert created.status == 201
    assert created.headers["Location"] == "/v1/requirements/grows"
    assert (created.json["revision"], created.json["project"], created.json["deleted"]) == (1, "", False)
    stricter = document("grows", console={"speed": 9600})
    assert put(service, "grows", stricter).json["revision"] == 2
    assert service.get("/v1/requirements/grows").json["document"] == stricter
    assert service.request("DELETE", "/v1/requirements/grows").status == 204
    assert service.get("/v1/requirements/grows").status == 404
    assert service.request("DELETE", "/v1/requirements/grows").status == 404
    history = service.get("/v1/requirements/grows?revisions=true").json["requirements"]
    assert [(each["revision"], each["deleted"]) for each in history] == [(3, True), (2, False), (1, False)]
    assert history[1]["document"] == stricter
    assert create(service, "grows").json["revision"] == 4


def test_every_requirement_of_a_listing_is_in_one_of_its_pages(start):
    service = start()
    for name in ("alone", "staff-only", "zones"):
        assert create(service, name).status == 201
    columns = "global, project, domain, name, revision, document, deleted, created, author"
    with contextlib.closing(sqlite3.connect(service.state / "builds.sqlite")) as database, database:
        for values in ("0, 'p1', 'd1'", "0, 'p2', 'd1'", "0, 'p10', 'd2'", "1, '', ''", "2, '', 'd1'", "2, '', 'd2'"):
            database.execute(f"INSERT INTO requirements ({columns}) SELECT {values}, name, revision, document, deleted,"
                             " created, author FROM requirements WHERE name = 'staff-only' AND project = ''"
                             " AND global = 0")
    whole = service.get("/v1/requirements?all_projects=true").json["requirements"]
    assert [each["name"] for each in whole] == ["alone", *["staff-only"] * 7, "zones"]
    for limit in (1, 2, 3):
        path, found = f"/v1/requirements?all_projects=true&limit={limit}", []
        while path:
            page = service.get(path).json
            found += page["requirements"]
            path = page["links"][0]["href"].split(str(service.port), 1)[1] if page["links"] else None
            assert len(found) <= len(whole)
        assert found == whole
    for marker, names in (("alone", ["staff-only"] * 7 + ["zones"]), ("staff-only", ["zones"]),
                          ("staff-only:domain:d1", ["staff-only", "zones"])):
        page = service.get(f"/v1/requirements?all_projects=true&marker={marker}").json
        assert [each["name"] for each in page["requirements"]] == names
    wrong = service.get("/v1/requirements?marker=staff-only:team:t1")
    assert (wrong.status, wrong.error["code"]) == (400, "query.invalid")


def test_each_change_is_on_record(start):
    service = start()
    created = create(service, "watched")
    changed = put(service, "watched", document("watched", console={"speed": 9600}))
    service.request("DELETE", "/v1/requirements/watched")
    answer = service.get("/v1/requirements/watched?revisions=true").json
    assert (answer["intact"], answer["problem"]) == (True, None)
    deleted, replaced, first = answer["requirements"]
    assert [each["audit"]["action"] for each in (first, replaced, deleted)] == ["created", "replaced", "deleted"]
    assert (first["audit"]["before"], deleted["audit"]["after"]) == (None, None)
    assert first["audit"]["after"] == replaced["audit"]["before"] != replaced["audit"]["after"]
    assert (first["audit"]["previous"], replaced["audit"]["previous"]) == ("", first["audit"]["digest"])
    assert first["request_id"] == created.headers["X-Openstack-Request-Id"]
    assert replaced["request_id"] == changed.headers["X-Openstack-Request-Id"] != first["request_id"]
    assert "audit" not in changed.json
    lines = [line for line in service.log().splitlines() if " audit requirement=watched " in line]
    assert [f"digest={each['audit']['digest']}" in line for each, line in zip((first, replaced, deleted), lines)] == [
        True] * 3


def test_a_database_that_was_tampered_with_is_reported(start):
    service = start()
    create(service, "honest")
    put(service, "honest", document("honest", console={"speed": 9600}))
    service.stop()
    with contextlib.closing(sqlite3.connect(service.state / "builds.sqlite")) as database, database:
        database.execute("UPDATE requirements SET document = replace(document, '9600', '4800') WHERE name = 'honest'")
    service.start()
    assert "requirement honest of this service: revision 2 is not as it was stored" in service.log()
    answer = service.get("/v1/requirements/honest?revisions=true").json
    assert (answer["intact"], answer["problem"]) == (False, "revision 2 is not as it was stored")


def test_a_record_whose_end_was_cut_off_is_reported(start):
    service = start()
    create(service, "kept")
    create(service, "lost")
    noted = service.get("/v1/audit").json
    check_schema("Audit", noted)
    assert (noted["revisions"], noted["intact"], noted["noted"]) == (2, True, None)
    service.stop()
    with contextlib.closing(sqlite3.connect(service.state / "builds.sqlite")) as database, database:
        database.execute("DELETE FROM requirements WHERE name = 'lost'")
    service.start()
    problem = "the newest were cut off: its head counts 2 revisions, and there are 1"
    assert problem in service.log()
    answer = service.get("/v1/audit?at=1").json
    check_schema("Audit", answer)
    assert answer["intact"] is False and problem in answer["problems"][0] and answer["noted"]["revisions"] == 1
    for at, told in (("2", "there are 1 revisions of requirements, not 2"), ("-1", "'-1' is no number of revisions"),
                     ("", "'' is no number")):
        refused = service.get(f"/v1/audit?at={at}")
        assert (refused.status, told in refused.error["detail"]) == (400, True), refused.body


def test_an_image_lives_no_longer_than_a_requirement_allows(service):
    text = (ROOT / "examples" / "requirements" / "fresh-web.yaml").read_text()
    assert service.post_json("/v1/requirements", {"document": yaml.safe_load(text)}).status == 201
    bundle = service.bundle()
    build = service.submit("limited", bundle=bundle, tier="web").json
    end, begin = (datetime.datetime.fromisoformat(build[key].replace("Z", "+00:00"))
                  for key in ("not_after", "created"))
    assert abs(end - begin - datetime.timedelta(days=30)) < datetime.timedelta(seconds=2)
    assert build["origin"] == "user"
    assert service.submit("limited", bundle=bundle, tier="web").json["id"] == build["id"]
    assert service.submit("unlimited", bundle=bundle).json["not_after"] is None
    assert service.request("DELETE", "/v1/requirements/fresh-web").status == 204


def test_what_begins_later_is_left_out_until_then(service):
    later = {**document("begins-later"), "valid_from": "2999-01-01T00:00:00Z"}
    assert service.post_json("/v1/requirements", {"document": later}).status == 201
    build = service.submit("begins-later").json
    assert build["requirements"] == []
    first = service.events(build["id"])[0]
    assert (first["kind"], first["text"]) == (
        "warning", "requirement begins-later, revision 1, of this service is left out: it holds from "
        "2999-01-01T00:00:00Z on")
    named = service.submit("begins-later", requirements=["begins-later"])
    assert (named.status, named.error["code"]) == (400, "requirement.not-applicable")
    assert "does not hold before 2999-01-01T00:00:00Z" in named.error["detail"]


def test_without_identity_there_are_no_domains(service):
    answer = service.post_json("/v1/requirements", {"document": document("x"), "domain": "d1"})
    assert (answer.status, answer.error["code"]) == (400, "requirement.invalid")
    assert "body.domain: there are no domains without identity" in answer.error["detail"]
    assert service.get("/v1/requirements/x?domain=d1").status == 404


def test_a_name_is_taken_once(service):
    assert create(service, "once").status == 201
    again = create(service, "once")
    assert (again.status, again.error["code"]) == (409, "requirement.exists")
    everywhere = service.post_json("/v1/requirements", {"document": document("once"), "project": None})
    assert (everywhere.status, everywhere.error["code"]) == (409, "requirement.exists")


@pytest.mark.parametrize("body, words", [
    ({}, "body.document"),
    ({"document": []}, "body.document: must be an object"),
    ({"document": {"name": "x"}}, "requirements.x.applies_to"),
    ({"document": document("x", posxi={})}, "requirements.x.modules.posxi: there is no such module; did you mean"),
    ({"document": document("x", console={"colour": 1})}, "module console has no such option"),
    ({"document": document("x", console={"speed": 1})}, "1 is under the minimum 300"),
    ({"document": document("x"), "name": "y"}, "body.name"),
    ({"document": document("x"), "project": "someone"}, "body.project"),
    ({"document": document("x"), "extra": 1}, "extra"),
    ({"document": {**document("x"), "validity": "1s"}}, "requirements.x.validity: 1s is under the minimum 1m"),
    ({"document": {**document("x"), "rollout": {"parallel": 0}}}, "requirements.x.rollout.parallel: 0 is under"),
    ({"document": {**document("x"), "valid_from": "soon"}}, "requirements.x.valid_from"),
])
def test_refuses_what_is_wrong_and_names_the_place(service, body, words):
    answer = service.post_json("/v1/requirements", body)
    assert (answer.status, answer.error["code"]) == (400, "requirement.invalid")
    assert words in answer.error["detail"]
    assert service.get("/v1/requirements/x?revisions=true").status == 404


def test_cannot_be_renamed(service):
    assert create(service, "stays").status == 201
    answer = put(service, "stays", document("goes"))
    assert (answer.status, "cannot be renamed" in answer.error["detail"]) == (400, True)


def test_secrets_are_sealed(service):
    secret = document("sealed", **{"http-guard": {"users": [{"name": "ann", "password": {"plain": "open sesame"}}]}})
    created = service.post_json("/v1/requirements", {"document": secret})
    stored = service.get("/v1/requirements/sealed").body
    assert b"open sesame" not in created.body + stored
    if created.status == 201:  # sealed, and sent again as it was read
        assert put(service, "sealed", created.json["document"]).status == 200


def test_lists_page_by_page(service):
    for name in ("page-a", "page-b", "page-c"):
        assert create(service, name).status == 201
    whole = [each["name"] for each in service.get("/v1/requirements").json["requirements"]]
    assert whole == sorted(whole) and {"page-a", "page-b", "page-c"} <= set(whole)
    names, path = [], "/v1/requirements?limit=1"
    while path:
        page = service.get(path).json
        names += [each["name"] for each in page["requirements"]]
        links = [link["href"] for link in page["links"] if link["rel"] == "next"]
        path = links and "/v1/" + links[0].split("/v1/", 1)[1]
    assert names == whole


def test_go_into_the_builds_they_apply_to(service):
    assert create(service, "web").status == 201
    bundle = service.bundle()
    build = service.submit("web", bundle=bundle).json
    assert [(each["name"], each["revision"], each["project"]) for each in build["requirements"]] == [("web", 1, "")]
    first = service.events(build["id"])[0]
    assert first["text"] == "requirement web, revision 1, of this service: it applies to image web"
    assert service.submit("other", bundle=bundle).json["requirements"] == []
    put(service, "web", document("web", console={"speed": 9600}))
    later = service.submit("web", bundle=bundle).json
    assert later["id"] != build["id"] and later["requirements"][0]["revision"] == 2
    service.request("DELETE", "/v1/requirements/web")
    assert service.submit("web", bundle=bundle).json["requirements"] == []


def test_named_ones_must_exist_and_apply(service):
    assert create(service, "named", {"labels": {"tier": "web"}}).status == 201
    bundle = service.bundle()
    good = service.submit("labelled", bundle=bundle, requirements=["named"], tier="web")
    assert good.status == 202
    assert service.events(good.json["id"])[0]["text"].endswith(
        "it applies to label tier=web, and the request names it")
    wrong = service.submit("labelled", bundle=bundle, requirements=["named"])
    assert (wrong.status, wrong.error["code"]) == (400, "requirement.not-applicable")
    missing = service.submit("labelled", bundle=bundle, requirements=["nmaed"])
    assert (missing.status, missing.error["code"]) == (400, "requirement.unknown")
    assert "did you mean named" in missing.error["detail"]


def test_survive_the_service(start):
    service = start()
    create(service, "durable")
    service.kill()
    service.start()
    assert service.get("/v1/requirements/durable").json["revision"] == 1


def test_the_bundles_own_specification_is_taken(service):
    bundle = service.bundle({"unikernel.yaml": "name: from-bundle\nlabels: {lines: '2'}\n", "main.cc": ""})
    answer = service.post_json("/v1/builds", {"bundle": bundle})
    assert (answer.status, answer.json["name"]) == (202, "from-bundle")
    assert service.wait_for(answer.json["id"])["state"] == "succeeded"


@pytest.mark.parametrize("files, words", [
    ({"main.cc": ""}, "has no unikernel.yaml at its top"),
    ({"sub/unikernel.yaml": "name: a"}, "has no unikernel.yaml at its top"),
    ({"unikernel.yaml": "- a\n"}, "unikernel.yaml: must be a mapping"),
    ({"unikernel.yaml": "a: [\n"}, "unikernel.yaml:"),
    ({"unikernel.yaml": "name: " + "x" * 2_000_000}, "over the maximum of 1048576 bytes"),
    ({"../evil": "", "unikernel.yaml": "name: a"}, '".." is refused'),
])
def test_a_bundle_without_a_good_specification_is_refused(service, files, words):
    answer = service.post_json("/v1/builds", {"bundle": service.bundle(files)})
    assert answer.status in (400, 413), answer.body
    assert words in answer.error["detail"]
    assert answer.error["code"].startswith("spec.")


def test_takes_no_revisions_when_the_disk_is_full(start):
    service = start()
    assert create(service, "before").status == 201
    service.stop()
    service = start("--disk-reserve", "1048576")
    for refused in (create(service, "after"), put(service, "before", document("before"))):
        assert (refused.status, refused.error["code"]) == (507, "requirement.disk-full")
    assert service.request("DELETE", "/v1/requirements/before").status == 204
