# SPDX-License-Identifier: Apache-2.0
"""unikernel requirement, rollout, compliance: against a service with canned answers, which has servers, and against
the real one."""

import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "service"))

import canned_service  # noqa: E402
from canned_service import ROLLOUT  # noqa: E402
from service_process import Service  # noqa: E402

DOCUMENT = {"name": "fast", "applies_to": {"images": ["web"]}, "modules": {"console": {"speed": 9600}}}


@pytest.fixture
def canned():
    service = canned_service.everything()
    yield service
    service.close()


@pytest.fixture
def run(unikernel, canned):
    """run("rollout", "list"): that command against the canned answers."""
    def command(*words):
        return unikernel(*words, environment={"UNIKERNEL_SERVICE": f"http://127.0.0.1:{canned.port}"})
    return command


@pytest.fixture(scope="module")
def stub(tmp_path_factory):
    """The real service around a stub of a pipeline, with an image "web"."""
    service = Service(tmp_path_factory.mktemp("stub"), "--workers", "1").start()
    service.wait_for(service.submit("web").json["id"])
    yield service
    assert service.stop() == 0


@pytest.fixture
def real(unikernel, stub):
    return lambda *words: unikernel(*words, environment={"UNIKERNEL_SERVICE": f"http://127.0.0.1:{stub.port}"})


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "fast.json"
    path.write_text(json.dumps(DOCUMENT))
    return path


def test_one_from_its_dry_run_to_its_end(real, stub, file):
    dry = real("requirement", "apply", file, "--dry-run")
    assert dry.code == 0 and stub.get("/v1/requirements/fast").status == 404, dry
    assert "web: rebuild (it applies to image web; 1 option changed)" in dry.out
    assert "  ~ console 1.0.0: asked for by requirement fast, spec" in dry.out
    assert "      speed: 115200 -> 9600 (requirement fast)" in dry.out
    assert dry.last_line == f"Next: unikernel requirement apply {file}"
    assert "stored revision 1 of requirement fast" in real("requirement", "apply", file).out
    assert "unchanged: it is revision 1" in real("requirement", "apply", file).out
    file.write_text(json.dumps({**DOCUMENT, "description": "slow lines"}))
    assert real("requirement", "apply", file, "--json").json["revision"] == 2
    assert "slow lines" in real("requirement", "list").out
    shown = real("requirement", "show", "fast", "--json").json
    assert (shown["revision"], shown["servers"], shown["document"]["description"]) == (2, [], "slow lines")
    gone = real("requirement", "delete", "fast", "--dry-run", "--json").json
    assert gone["requirement"]["deleted"] and stub.get("/v1/requirements/fast").status == 200
    assert real("requirement", "delete", "fast").code == 0 and stub.get("/v1/requirements/fast").status == 404


def test_a_global_one_is_named_so(real, stub, file):
    assert real("requirement", "apply", file, "--global").code == 0
    try:
        refused = real("requirement", "apply", file)
        assert refused.code == 3 and "add --global" in refused.error
    finally:
        assert real("requirement", "delete", "fast").code == 0


@pytest.mark.parametrize("words, code, told", [
    (["requirement", "show", "none"], 3, "there is no requirement none"),
    (["requirement", "delete", "../builds"], 3,
     '"../builds" cannot be the name or id of a requirement; unikernel requirement list shows them'),
    (["rollout", "pause", "../../x"], 3,
     '"../../x" cannot be the name or id of a rollout; unikernel rollout list shows them'),
    (["rollout", "show", ""], 3, "cannot be the name or id of a rollout"),
    (["requirement", "apply", "none.yaml"], 3, "none.yaml"),
    (["requirement", "apply"], 2, "FILE is missing"),
    (["requirement"], 2, "wants apply or list or show or delete"),
    (["requirement", "list", "--local"], 2, "unknown option --local"),
    (["rollout", "show", "none"], 3, "none"),
    (["rollout", "abort"], 2, "ID is missing")])
def test_mistakes(real, words, code, told):
    result = real(*words)
    assert (result.code, told in result.error) == (code, True), result


def test_a_wrong_document_is_refused_with_the_place(real, file):
    file.write_text(json.dumps({**DOCUMENT, "modules": {"console": {"speed": 1}}}))
    result = real("requirement", "apply", file, "--dry-run")
    assert result.code == 3 and "requirements.fast.modules.console.speed: 1 is under the minimum 300" in result.error


def test_a_service_that_is_away(unikernel):
    result = unikernel("compliance")
    assert result.code == 4 and "no builder service answers" in result.error and "--local" not in result.error


def test_a_dry_run_shows_modules_reasons_and_servers(run, canned):
    out = run("requirement", "delete", "tls-only", "--dry-run").out
    for line in ("web: rebuild (it applies to everything; 1 module added, 1 option changed)",
                 "  + tls 2.0.0: asked for by requirement tls-only", "      port: 443 (requirement tls-only)",
                 "  - old 1.0.0: nothing asks for it any more", "db: unresolvable (tls conflicts with plain)"):
        assert line in out.splitlines()
    assert "  servers: web-1, " in out and "power" not in out
    assert "\x1b" not in out, "a server's name cannot steer the terminal"
    assert canned.requests == [("DELETE", "/v1/requirements/tls-only?dry_run=true", None)]


def test_a_requirement_is_shown_with_its_rollouts_and_who_meets_it(run):
    out = run("requirement", "show", "tls-only").out
    assert f"{ROLLOUT['id']}  web    paused  1 of 2" in out
    assert [line.split()[-3:] for line in out.splitlines() if line.startswith("web-1")] == \
        [["yes", "2", "2026-05-03T00:00:00Z"]]


def test_rollouts(run, canned):
    assert run("rollout", "list", "--json").json == [ROLLOUT]
    assert f"{ROLLOUT['id']}  web    paused  1 of 2" in run("rollout", "list").out
    shown = run("rollout", "show", ROLLOUT["id"]).out
    assert "paused by its owner" in shown and "web-1" in shown and "812" in shown
    for verb in ("pause", "resume", "abort"):
        assert run("rollout", verb, ROLLOUT["id"]).code == 0
        assert canned.requests[-1] == ("POST", f"/v1/rollouts/{ROLLOUT['id']}/action", {verb: None})


def test_compliance_fails_where_something_is_out_of_it(run, tmp_path):
    result = run("compliance", "--html", tmp_path / "report.html")
    assert result.code == 1 and "Something is out of compliance." in result.out
    assert "image web is outdated: its plan is another" in result.out
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert run("compliance", "--json").json == canned_service.REPORT


def test_compliance_of_the_real_service(real, stub, tmp_path):
    result = real("compliance", "--html", tmp_path / "report.html")
    assert result.code == 0 and "Everything is in compliance." in result.out, result
    assert "0 of 0 servers are in compliance" in (tmp_path / "report.html").read_text()
