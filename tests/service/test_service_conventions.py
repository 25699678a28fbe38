# SPDX-License-Identifier: Apache-2.0
"""OpenStack's conventions: versions, request ids, settings of identity, the policy's sample."""

import pathlib
import re
import subprocess

import pytest
import yaml

from service_process import program

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACCOUNT = "auth_url = http://127.0.0.1:1\nusername = u\npassword = a#b;c\nproject_name = p\n" \
          "user_domain_id = default\nproject_domain_id = default\n"


@pytest.mark.parametrize("path, status, kind", [
    ("/", 300, "versions"), ("/v1", 200, "version"), ("/v1/", 200, "version")])
def test_versions_are_discovered_with_absolute_links(service, path, status, kind):
    answer = service.get(path)
    assert answer.status == status
    version = answer.json[kind][0] if kind == "versions" else answer.json[kind]
    assert (version["id"], version["status"]) == ("v1.0", "CURRENT")
    assert version["min_version"] == version["max_version"] == version["version"] == "1.0"
    assert version["links"] == [{"rel": "self", "href": f"http://127.0.0.1:{service.port}/v1/"}]


def test_links_begin_with_the_public_url(start):
    service = start("--public-url", "https://cloud.example.org/unikernel/")
    links = service.get("/").json["versions"][0]["links"]
    assert links[0]["href"] == "https://cloud.example.org/unikernel/v1/"


@pytest.mark.parametrize("asked, status", [
    (None, 200), ("unikernel 1.0", 200), ("unikernel latest", 200), ("compute 2.90", 200),
    ("compute 2.90, unikernel 1.0", 200), ("unikernel 1.1", 406), ("compute 2.1,unikernel 2.0", 406),
    ("unikernel", 400), ("unikernel one", 400), ("unikernel 1", 400), ("unikernel 1.0.0", 400), (",", 200), ("", 200)])
def test_versions_are_negotiated(service, asked, status):
    answer = service.get("/v1/builds", {} if asked is None else {"OpenStack-API-Version": asked})
    assert answer.status == status
    assert answer.headers["OpenStack-API-Version"] == "unikernel 1.0"
    assert answer.headers["Vary"] == "OpenStack-API-Version"
    if status == 406:
        assert (answer.error["min_version"], answer.error["max_version"]) == ("1.0", "1.0")


def test_the_callers_request_id_is_in_the_log(service):
    good = "req-01234567-89ab-cdef-0123-456789abcdef"
    mine = service.get("/v1/builds", {"X-Openstack-Request-Id": good}).headers["X-Openstack-Request-Id"]
    assert f"[{good} {mine} - -] GET /v1/builds 200" in service.log()
    for bad in (good.upper(), good + "0", "req-none", "[forged]"):
        service.get("/v1/builds", {"X-Openstack-Request-Id": bad})
        assert bad not in service.log()


def run(tmp_path, *options):
    return subprocess.run([program("unikernel-builder-stub"), *options], capture_output=True, text=True, timeout=60,
                          check=False, env={"HOME": str(tmp_path)})


def test_prints_a_policy_that_names_the_rule_of_each_route(tmp_path):
    done = run(tmp_path, "--print-policy")
    assert done.returncode == 0
    rules = yaml.safe_load(re.sub(r'^#"', '"', done.stdout, flags=re.MULTILINE))
    table = (ROOT / "builder_service/api/routes.cc").read_text()
    used = dict(re.findall(r'\{"[A-Z]+",\s+"(/[^"]*)",\s+"([^"]*)"', table))
    assert {path for path, rule in used.items() if not rule} == {"/", "/v1", "/v1/", "/healthcheck"}
    named = set(re.findall(r'"(unikernel:[^"]*)"', table))
    assert named == {rule for rule in rules if rule.startswith("unikernel:")}


@pytest.mark.parametrize("text, message", [
    ("identity = maybe\n", "identity: 'maybe' is neither none nor keystone"),
    ("identity = keystone\n", "[keystone_authtoken] auth_url is missing"),
    ("identity = keystone\n[keystone_authtoken]\n" + ACCOUNT.replace("password = a#b;c\n", ""),
     "[keystone_authtoken] password is missing"),
    ("[keystone_authtoken]\npasword = a-secret\n",
     "line 2: unknown key 'pasword' in [keystone_authtoken]; did you mean password?"),
    ("[keystone_authtoken]\nauth_type = v3token\n", "line 2: auth_type: 'v3token' is none of password, v3password"),
    ("[keystone_authtoken]\ntoken_cache_time = soon\n", "token_cache_time: 'soon' is no number from -1 to 86400"),
    ("[keystone_authtoken]\ninsecure = perhaps\n", "insecure: 'perhaps' is neither true nor false"),
    ("[keystone_authtoken]\nwww_authenticate_uri = http://x\"\n", "holds a byte that no URI holds"),
    ("[keystone_authtoken]\nauth_url = a\nauth_url = b\n", "line 3: key 'auth_url' is given twice"),
    ("identity = keystone\n[keystone_authtoken]\ncafile = /nowhere.pem\n" + ACCOUNT,
     "cafile /nowhere.pem cannot be read"),
    ("[reconcile]\nprobe_networks = 10.24.0.0/24, 10.25.0.1/24\n",
     "line 2: probe_networks: '10.25.0.1/24' is an address in a network; write the network's first address"),
    ("[reconcile]\nprobe_networks = tenants\n", "probe_networks: 'tenants' is no network such as 10.0.0.0/24"),
    ("[keystone]\n", "unknown section [keystone]; there are database, glance, keystone_authtoken, nova"),
    ("public-url = cloud.example.org\n", "public-url: 'cloud.example.org' must begin with http:// or https://"),
    ("policy-file = /nowhere/policy.yaml\n", "/nowhere/policy.yaml"),
    ("listen = 0.0.0.0:0\n", "or set identity = keystone"),
    ("a-secret-line\n", "line 1: is neither '[section]' nor 'key = value' nor a comment"),
])
def test_refuses_wrong_settings_of_identity(tmp_path, text, message):
    file = tmp_path / "unikernel-builder.conf"
    file.write_text(text)
    done = run(tmp_path, "--config", str(file), *([] if "listen" in text else ["--listen", "127.0.0.1:0"]))
    assert done.returncode == 2, done.stderr
    assert message in done.stderr and "a-secret" not in done.stderr and "a#b" not in done.stderr


def test_a_wrong_policy_stops_the_start_with_its_line(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text('# mine\n"unikernel:builds:list": "role"\n')
    done = run(tmp_path, "--listen", "127.0.0.1:0", "--policy-file", str(policy))
    assert done.returncode == 2
    assert f"{policy}, line 2: rule 'unikernel:builds:list': 'role' is not understood" in done.stderr


def test_with_keystone_any_address_may_be_listened_on_and_nobody_gets_in_while_it_is_away(tmp_path, start):
    file = tmp_path / "unikernel-builder.conf"
    file.write_text("identity = keystone\n[keystone_authtoken]\nhttp_request_max_retries = 0\n" + ACCOUNT)
    service = start("--config", str(file), "--listen", "0.0.0.0:0")
    assert service.get("/v1/builds").status == 401
    answer = service.get("/v1/builds", {"X-Auth-Token": "some"})
    assert (answer.status, answer.error["code"]) == (503, "identity.unavailable")
    assert service.get("/healthcheck").status == 200
    assert "a#b;c" not in service.log()


def test_the_policy_counts_without_identity_too(tmp_path, start):
    policy = tmp_path / "policy.yaml"
    policy.write_text('"unikernel:images:list": "!"\n')
    service = start("--policy-file", policy)
    assert service.get("/v1/builds").status == 200
    answer = service.get("/v1/images")
    assert (answer.status, answer.error["code"]) == (403, "policy.forbidden")
