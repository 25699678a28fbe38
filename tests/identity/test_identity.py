# SPDX-License-Identifier: Apache-2.0
"""The service's identity against a real Keystone."""

import json
import time

from keystoneauth1 import session as keystone_session
from keystoneauth1.identity import v3
import keystone_process
import pytest

from local_process import LocalProcess
from service_process import tar

GLOBAL_ID = "req-01234567-89ab-cdef-0123-456789abcdef"
TAR = {"Content-Type": "application/x-tar"}


def get(service, token=None, path="/v1/builds", **headers):
    if token:
        headers["X-Auth-Token"] = token
    return service.get(path, {name.replace("_", "-"): value for name, value in headers.items()})


def verdict(answer):
    return answer.status, "" if answer.status < 400 else answer.error["code"]


def scoped(keystone, user, **scope):
    """A token of another scope than a project's."""
    account = v3.Password(auth_url=keystone.url + "/v3", username=user, password=keystone_process.PASSWORD,
                          user_domain_name="Default", **scope)
    return keystone_session.Session(account).get_token()


def revoke(keystone, token):
    keystone.session("admin", "admin").delete(keystone.url + "/v3/auth/tokens", headers={"X-Subject-Token": token})


def test_a_token_of_a_project_opens_and_nothing_else_does(keystone, builder):
    service = builder()
    assert verdict(get(service, keystone.token("ann", "blue"))) == (200, "")
    for token in (None, "garbage", "x" * 9000, keystone.token("ann", "blue")[:-4] + "AAAA"):
        answer = get(service, token)
        assert verdict(answer) == (401, "identity.unauthorized")
        assert answer.headers["WWW-Authenticate"] == f'Keystone uri="{keystone.url}"'
    for path in ("/", "/v1", "/v1/", "/healthcheck"):
        assert service.get(path).status in (200, 300), path


def test_a_body_is_not_taken_from_a_stranger(keystone, builder):
    service = builder()
    answer = service.raw(b"POST /v1/bundles HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\n"
                         b"Content-Length: 60000000\r\nExpect: 100-continue\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 401 ") and b"100 Continue" not in answer
    token = keystone.token("ann", "blue").encode()
    answer = service.raw(b"POST /v1/bundles HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\nX-Auth-Token: "
                         + token + b"\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", b"abc", pause=0.5)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 ")


def test_roles_decide(keystone, builder):
    service = builder()
    reader = keystone.token("rita", "blue")
    assert verdict(get(service, reader)) == (200, "")
    refused = service.request("POST", "/v1/bundles", b"x", {**TAR, "X-Auth-Token": reader})
    assert verdict(refused) == (403, "policy.forbidden")
    assert "unikernel:bundles:create" in refused.error["detail"]
    accepted = service.request("POST", "/v1/bundles", b"x", {**TAR, "X-Auth-Token": keystone.token("ann", "blue")})
    assert verdict(accepted)[1] not in ("policy.forbidden", "identity.unauthorized")


def test_a_policy_file_decides_and_is_read_again(keystone, builder, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text('"unikernel:builds:list": "!"\n')
    service = builder("--policy-file", policy)
    token = keystone.token("ann", "blue")
    assert verdict(get(service, token)) == (403, "policy.forbidden")
    policy.write_text('"unikernel:builds:list": "role:member"\n')
    deadline = time.monotonic() + 20
    while get(service, token).status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_what_another_project_has_is_not_there(keystone, builder):
    service = builder()
    ann, bob = ({"X-Auth-Token": keystone.token(*who)} for who in (("ann", "blue"), ("bob", "red")))
    digest = service.request("POST", "/v1/bundles", tar({"main.cc": ""}), {**TAR, **ann}).json["digest"]

    def submit(who):
        body = json.dumps({"bundle": digest, "spec": {"name": "app"}, "requirements": []})
        return service.request("POST", "/v1/builds", body, {"Content-Type": "application/json", **who})

    build = submit(ann)
    assert build.status in (200, 202), build.body
    place = "/v1/builds/" + build.json["id"]
    assert service.get(place, ann).json["project"] == keystone.add_project("blue")
    assert service.get(place, bob).status == 404
    assert verdict(submit(bob)) == (400, "bundle.unknown")
    assert service.get("/v1/builds", bob).json["builds"] == []


@pytest.mark.parametrize("cache", [-1, 300])
def test_a_revoked_token_ends_with_the_cache(keystone, builder, cache):
    service = builder(cache=cache)
    token = keystone.token("ann", "blue")
    assert get(service, token).status == 200
    revoke(keystone, token)
    assert get(service, token).status == (401 if cache < 0 else 200)


def test_roles_that_were_taken_away_are_gone(keystone, builder):
    keystone.add_user("carl", "blue", ["member"])
    service = builder(cache=-1)
    token = keystone.token("carl", "blue")
    assert get(service, token).status == 200
    keystone.remove_role("carl", "blue", "member")
    assert verdict(get(service, token)) == (401, "identity.unauthorized")


def test_a_member_of_nothing_gets_nowhere(keystone, builder):
    keystone.add_user("dora", "blue", ["service"])
    keystone.remove_role("dora", "blue", "service")
    service = builder()
    assert verdict(get(service, scoped(keystone, "dora", unscoped=True))) == (403, "policy.forbidden")


def test_tokens_of_another_scope_are_refused(keystone, builder):
    service = builder()
    answer = get(service, scoped(keystone, "admin", system_scope="all"))
    assert verdict(answer) == (403, "policy.forbidden") and "scoped to the system" in answer.error["detail"]


def application_credential(keystone, name, rules):
    session = keystone.session("ann", "blue")
    user = session.get_user_id()
    made = session.post(f"{keystone.url}/v3/users/{user}/application_credentials",
                        json={"application_credential": {"name": name, "access_rules": rules}}).json()
    credential = made["application_credential"]
    account = v3.ApplicationCredential(auth_url=keystone.url + "/v3", application_credential_id=credential["id"],
                                       application_credential_secret=credential["secret"])
    return keystone_session.Session(account).get_token()


def test_an_application_credential_is_held_to_its_access_rules(keystone, builder):
    service = builder()
    token = application_credential(keystone, "lists", [
        {"service": "unikernel", "method": "GET", "path": "/v1/builds"},
        {"service": "unikernel", "method": "GET", "path": "/v1/modules/*"}])
    assert verdict(get(service, token)) == (200, "")
    assert get(service, token, "/v1/modules/no-such").status == 404
    assert verdict(get(service, token, "/v1/images")) == (401, "identity.unauthorized")
    other = {"X-Auth-Token": token, **TAR}
    assert verdict(service.request("POST", "/v1/bundles", b"x", other)) == (401, "identity.unauthorized")


def test_an_expired_token_needs_a_service_beside_it(keystone, builder):
    service = builder(cache=-1)
    late = expired_token(keystone)
    assert verdict(get(service, late)) == (401, "identity.unauthorized")
    nova = keystone.token("nova", "service")
    assert verdict(get(service, late, X_Service_Token=nova)) == (200, "")
    assert verdict(get(service, late, X_Service_Token=keystone.token("ann", "blue")))[0] == 401
    assert verdict(get(service, late, X_Service_Token="garbage"))[0] == 401
    assert verdict(get(service, keystone.token("ann", "blue"), X_Service_Token="garbage"))[0] == 401


def expired_token(keystone):
    """A token that lasted a second: Keystone is told so for the time it takes to make one."""
    text = keystone.configuration.read_text()
    keystone.stop()
    keystone.configuration.write_text(text.replace("[token]", "[token]\nexpiration = 1"))
    try:
        LocalProcess.start(keystone)  # no more than that: what else Keystone.start does may take longer than a second
        return keystone.token("ann", "blue")
    finally:
        keystone.stop()
        keystone.configuration.write_text(text)
        keystone.start()
        time.sleep(2)


def test_keystone_may_go_away_and_come_back(keystone, builder):
    service = builder()
    known, new = keystone.token("ann", "blue"), keystone.token("bob", "red")
    assert get(service, known).status == 200
    keystone.stop()
    try:
        answer = get(service, new)
        assert verdict(answer) == (503, "identity.unavailable") and int(answer.headers["Retry-After"]) > 0
        assert get(service, known).status == 200  # remembered
        assert service.get("/healthcheck").status == 200
    finally:
        keystone.start()
    assert get(service, new).status == 200


def test_an_account_that_is_wrong_is_named_in_the_log(keystone, builder):
    service = builder(password="wrong-pass-word")
    assert verdict(get(service, keystone.token("ann", "blue"))) == (503, "identity.unavailable")
    assert "gives user 'builder' no token for project 'service'" in service.log()
    assert "wrong-pass-word" not in service.log()


def test_request_ids_are_in_the_log_and_tokens_are_not(keystone, builder):
    service = builder("--log-level", "debug")
    token = keystone.token("ann", "blue")
    answer = get(service, token, X_Openstack_Request_Id=GLOBAL_ID)
    mine = answer.headers["X-Openstack-Request-Id"]
    assert mine != GLOBAL_ID
    assert f"[{GLOBAL_ID} {mine} " in service.log()
    assert f" {keystone.add_project('blue')}] GET /v1/builds 200" in service.log()
    get(service, token, X_Openstack_Request_Id="req-1] forged [")
    get(service, "garbage-token")
    for secret in (token, "garbage-token", keystone_process.PASSWORD, "forged"):
        assert secret not in service.log()
    assert "memcached_servers has no effect here" in service.log()


def test_it_may_be_reached_from_elsewhere_under_any_name(keystone, builder):
    service = builder()
    assert service.get("/healthcheck", {"Host": "cloud.example.org"}).status == 200
    links = service.get("/", {"Host": "cloud.example.org"}).json["versions"][0]["links"]
    assert links == [{"rel": "self", "href": "http://cloud.example.org/v1/"}]
    assert service.get("/", {"Host": "a b"}).status == 400
