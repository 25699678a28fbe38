# SPDX-License-Identifier: Apache-2.0
"""Several repositories of modules: folders, bundles from elsewhere, and what happens when one cannot be used."""

import hashlib
import io
import subprocess
import tarfile

import pytest

from module_bundle import make_keys, pack, section, served, write_module
from service_process import wait_until

SPEC = {"name": "quiet", "modules": {}}


def states(service):
    return {each["name"]: each for each in service.get("/v1/repositories").json["repositories"]}


def state(service, name):
    return states(service)[name]["state"]


def submit(service, spec=None):
    return service.post_json("/v1/builds", {"bundle": service.bundle(), "spec": spec or SPEC, "boot_check": False})


def require(service, name, **modules):
    document = {"name": name, "applies_to": {"images": [name]}, "modules": modules}
    return service.post_json("/v1/requirements", {"document": document})


@pytest.fixture
def run(start, tmp_path):
    """run(section, ...): the real service with these sections in its configuration."""
    def begin(*sections):
        (tmp_path / "conf").write_text("repository-interval = 1\n" + "".join(sections))
        return start("--config", tmp_path / "conf", name="unikernel-builder")
    return begin


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def acme(tmp_path, keys):
    """Keys of a section for a signed bundle, to be completed by its place."""
    digest = pack(write_module(tmp_path / "acme"), tmp_path / "acme.tar.gz", keys[0])
    return {"bundle": f"file://{tmp_path}/acme.tar.gz", "digest": digest, "key": keys[1]}


def escaping_bundle(file, key):
    """A signed bundle that no tool of ours would make."""
    with tarfile.open(file, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../../escaped"), io.BytesIO())
    subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", file, "-out", f"{file}.sig"],
                   check=True)
    return "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest()


def test_one_cannot_spoil_the_others_and_no_image_is_made_without_it(run, tmp_path, keys, acme):
    write_module(tmp_path / "site", "waf", "2.0.0")
    stranger = make_keys(tmp_path, "stranger")
    unsigned = pack(write_module(tmp_path / "unsigned", "idle-filter"), tmp_path / "unsigned.tar.gz", keys[0])
    (tmp_path / "unsigned.tar.gz.sig").unlink()
    escaping = escaping_bundle(tmp_path / "escaping.tar.gz", keys[0])
    with served(tmp_path) as url:
        service = run(
            section("acme", **{**acme, "bundle": f"{url}/acme.tar.gz"}), section("site", path=tmp_path / "site"),
            section("digest", **{**acme, "digest": "sha256:" + "0" * 64}),
            section("key", **{**acme, "key": stranger[1]}),
            section("unsigned", bundle=f"{url}/unsigned.tar.gz", digest=unsigned, key=keys[1]),
            section("escaping", bundle=f"{url}/escaping.tar.gz", digest=escaping, key=keys[1]),
            section("away", **{**acme, "bundle": f"{url}/none", "digest": "sha256:" + "1" * 64}),
            section("gone", path=tmp_path / "gone", modules="gone-filter"))
        found = states(service)
        modules = service.get("/v1/modules").json["modules"]
        refused = submit(service)
    assert {name: each["state"] for name, each in found.items()} == {
        "acme": "ready", "site": "ready", "builtin": "ready", "digest": "unusable", "key": "unusable",
        "unsigned": "unusable", "escaping": "unusable", "away": "unusable", "gone": "unusable"}
    for name, text in (("digest", "not sha256:" + "0" * 64), ("key", "the signature is not one of the key"),
                       ("unsigned", "unsigned.tar.gz.sig"), ("escaping", '"../../escaped": ".." is refused'),
                       ("away", "answers 404"), ("gone", "gone")):
        assert text in found[name]["error"]
        assert f"repository {name} is unusable: " in service.log()
    assert not list(tmp_path.glob("**/escaped"))
    assert {module["name"]: module["repository"] for module in modules}.items() >= {
        "packet-filter": "acme", "waf": "site", "posix": "builtin"}.items()
    assert service.get("/v1/modules/packet-filter").json["repository"] == "acme"
    assert refused.status == 503
    assert "cannot be used: " in refused.error["detail"]
    assert "because another module could take its place unnoticed" in refused.error["detail"]


def test_what_was_fetched_is_used_when_its_source_is_gone_also_after_a_restart(run, tmp_path, acme):
    with served(tmp_path) as url:
        service = run(section("acme", **{**acme, "bundle": f"{url}/acme.tar.gz"}))
        assert state(service, "acme") == "ready"
    wait_until(lambda: state(service, "acme") == "cached")
    assert "repository acme is cached: " in service.log() and states(service)["acme"]["modules"] == 1
    assert require(service, "vanished", **{"packet-filter": {"port": 1}}).status == 201
    assert service.stop() == 0
    service.start()
    assert require(service, "restarted", **{"packet-filter": {"port": 1}}).status == 201
    wait_until(lambda: state(service, "acme") == "cached")


def test_a_tampered_one_is_out_of_use_until_it_is_mended(run, tmp_path, acme):
    bundle = tmp_path / "acme.tar.gz"
    good = bundle.read_bytes()
    bundle.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    service = run(section("acme", **acme, modules="packet-filter"))
    assert state(service, "acme") == "unusable"
    refused = require(service, "early", **{"packet-filter": {"port": 1}})
    assert refused.status == 503
    assert "there is no such module, unless repository acme has it, which cannot be used" in refused.error["detail"]
    asked = submit(service, {**SPEC, "modules": {"packet-filter": {}}})
    assert (asked.status, "repository acme" in asked.error["detail"]) == (503, True)
    other = submit(service)
    assert other.status == 202, "it can have no module that this one needs"
    service.request("DELETE", "/v1/builds/" + other.json["id"])
    bundle.write_bytes(good)
    wait_until(lambda: state(service, "acme") == "ready")
    assert require(service, "late", **{"packet-filter": {"port": 1}}).status == 201
    assert "repository acme is ready" in service.log()


def test_priorities_and_pins_choose_among_several(run, tmp_path, acme):
    write_module(tmp_path / "site", version="1.2.0")
    here = {"path": tmp_path / "site"}
    service = run(section("acme", **acme, priority=50), section("site", **here))
    assert service.get("/v1/modules/packet-filter").json["repository"] == "site"
    write_module(tmp_path / "site", version="0.9.0")
    shown = service.get("/v1/modules/packet-filter").json
    assert (shown["repository"], shown["version"]) == ("site", "0.9.0"), "a changed folder is read again"
    assert service.stop() == 0
    service = run(section("acme", **acme, priority=50), section("site", **here), "[pins]\npacket-filter = 1.2.0\n")
    assert service.get("/v1/modules/packet-filter").json["repository"] == "acme"
    asked = submit(service, {**SPEC, "modules": {"packet-filter < 1": {}}})
    assert (asked.status, asked.error["code"]) == (409, "spec.unresolvable")
    assert "[pins] packet-filter = 1.2.0 leaves out 0.9.0" in asked.error["detail"]
    assert service.stop() == 0
    write_module(tmp_path / "site", version="1.2.0")
    service = run(section("acme", **acme), section("site", **here))
    assert state(service, "site") == "unusable"
    assert "one of repository acme and one of repository site, which have the same priority, 100" in \
        submit(service).error["detail"]
