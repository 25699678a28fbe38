# SPDX-License-Identifier: Apache-2.0
"""Requirements of domains and global ones: what a real Keystone must know, and who may say what becomes of them."""

import datetime
import json

import pytest

from service_process import tar, wait_until


def document(name, **more):
    return {"name": name, "applies_to": {"everything": True}, "modules": {"console": {"speed": 9600}}, **more}


def call(service, token, method, path, body=None):
    headers = {"X-Auth-Token": token, **({"Content-Type": "application/json"} if body is not None else {})}
    return service.request(method, path, None if body is None else json.dumps(body), headers)


@pytest.fixture(name="admin")
def fixture_admin(keystone):
    return keystone.token("admin", "admin")


@pytest.mark.parametrize("domain", ["no-such-domain", "Default", ".."])
def test_a_domain_that_keystone_does_not_have_is_refused(builder, admin, domain):
    service = builder(account="root")
    for path in ("/v1/requirements?dry_run=true", "/v1/requirements"):
        answer = call(service, admin, "POST", path, {"document": document("of-domain"), "domain": domain})
        assert (answer.status, answer.error["code"]) == (400, "requirement.invalid")
        assert f"body.domain: Keystone has no domain with the id {domain};" in answer.error["detail"]
    good = call(service, admin, "POST", "/v1/requirements", {"document": document("of-domain"), "domain": "default"})
    assert (good.status, good.json["domain"]) == (201, "default")


def test_every_requirement_is_listed_where_several_have_one_name(keystone, builder, admin):
    service = builder(account="root")
    keystone.add_role("manager")
    for user, project in (("max", "blue"), ("moe", "red")):
        keystone.add_user(user, project, ["member", "manager"])
        token = keystone.token(user, project)
        for name in ("staff-only", "zones"):
            made = call(service, token, "POST", "/v1/requirements", {"document": document(name)})
            assert made.status == 201, made.body
    for body in ({"document": document("all"), "project": None}, {"document": document("of"), "domain": "default"}):
        assert call(service, admin, "POST", "/v1/requirements", body).status == 201
    whole = call(service, admin, "GET", "/v1/requirements?all_projects=true").json["requirements"]
    assert len(whole) == 6
    path, found = "/v1/requirements?all_projects=true&limit=1", []
    while path:
        page = call(service, admin, "GET", path).json
        found += page["requirements"]
        path = page["links"][0]["href"].split(str(service.port), 1)[1] if page["links"] else None
        assert len(found) <= len(whole)
    assert found == whole
    beyond = call(service, admin, "GET", "/v1/requirements?all_projects=true&marker=staff-only").json["requirements"]
    assert {each["name"] for each in beyond} == {"zones"}
    wrong = call(service, admin, "GET", "/v1/requirements?marker=staff-only:team:blue")
    assert (wrong.status, wrong.error["code"]) == (400, "query.invalid")


def test_an_account_that_may_not_ask_says_so_in_the_log(builder, admin):
    service = builder()
    answer = call(service, admin, "POST", "/v1/requirements",
                  {"document": document("of-domain"), "domain": "elsewhere"})
    assert answer.status == 201
    assert "does not let the account in [keystone_authtoken] ask for domain elsewhere" in service.log()


def closed_window():
    """A maintenance window that is closed for a day at least."""
    today = datetime.datetime.now(datetime.timezone.utc)
    return {"days": [(today + datetime.timedelta(days=3)).strftime("%a").lower()], "from": "10:00", "to": "11:00"}


def test_what_becomes_of_an_administrators_rollout_is_for_administrators_to_say(keystone, builder, admin):
    keystone.add_role("manager")
    keystone.add_user("mia", "blue", ["manager", "member"])
    mia = keystone.token("mia", "blue")
    service = builder()
    bundle = service.request("POST", "/v1/bundles", tar({"main.cc": "int main() {}\n"}),
                             {"Content-Type": "application/x-tar", "X-Auth-Token": mia}).json["digest"]
    build = call(service, mia, "POST", "/v1/builds", {"bundle": bundle, "spec": {"name": "web"}}).json["id"]
    wait_until(lambda: call(service, mia, "GET", f"/v1/builds/{build}").json["state"] == "succeeded", 30)
    image = call(service, mia, "GET", f"/v1/builds/{build}").json["image"]
    (service.folder / "stub-servers.json").write_text(json.dumps(
        [{"id": "s1", "name": "web-1", "image": image, "project": keystone.add_project("blue")}]))

    def waiting(count):
        found = call(service, mia, "GET", "/v1/rollouts").json["rollouts"]
        return len(found) == count and found[0]["state"] == "waiting" and found[0]

    hers = {"document": document("hers", rollout={"windows": [closed_window()]})}
    assert call(service, mia, "POST", "/v1/requirements", hers).status == 201
    wait_until(lambda: waiting(1), 30)
    path = f"/v1/rollouts/{waiting(1)['id']}/action"
    assert call(service, mia, "POST", path, {"pause": None}).status == 202, "her own"
    assert call(service, mia, "POST", path, {"abort": None}).status == 202

    imposed = {"document": document("for-all", modules={"console": {"speed": 9600}, "lwip": {}},
                                    rollout={"windows": [closed_window()]}), "project": None}  # hers does not hold it
    assert call(service, admin, "POST", "/v1/requirements", imposed).status == 201
    wait_until(lambda: waiting(2), 30)
    path = f"/v1/rollouts/{waiting(2)['id']}/action"
    for verb in ("pause", "resume", "abort"):
        refused = call(service, mia, "POST", path, {verb: None})
        assert (refused.status, refused.error["code"]) == (403, "policy.forbidden")
        assert ("brings requirement for-all, which is global: only administrators may pause, resume or abort it"
                in refused.error["detail"])
    assert call(service, mia, "DELETE", "/v1/requirements/hers?dry_run=true").status == 200
    assert call(service, admin, "POST", path, {"abort": None}).status == 202
