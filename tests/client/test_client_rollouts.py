# SPDX-License-Identifier: Apache-2.0
"""Dry run and rollouts: what the commands show of servers, by a service with canned answers; and the real command
against the real service, which has no servers here."""

import json

import canned_service
import pytest
from canned_service import HOSTILE, ROLLOUT
from osc_lib import exceptions as osc_exceptions

from unikernelclient.osc import requirement, rollout


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tls-only.yaml"
    path.write_text("name: tls-only\napplies_to: {everything: true}\nmodules: {console: {speed: 9600}}\n")
    return path


@pytest.mark.parametrize("kind, words, method", [
    (requirement.CreateRequirement, ["{file}"], "POST"),
    (requirement.SetRequirement, ["tls-only", "--file", "{file}"], "PUT"),
    (requirement.DeleteRequirement, ["tls-only"], "DELETE")])
def test_a_dry_run_is_a_row_for_each_image(run, canned, file, kind, words, method):
    words = [word.format(file=file) for word in words]
    status, table, aside = run(kind, *words, "--dry-run", "--max-width", "0")
    assert (status, canned.requests[-1][:2]) == (0, (method, canned.requests[-1][1]))
    assert canned.requests[-1][1].endswith("?dry_run=true")
    for told in ("web", "rebuild", "~ console 1.0.0: asked for by spec",
                 "speed: 115200 -> 9600 (requirement tls-only)", "+ tls 2.0.0: asked for by requirement tls-only",
                 "port: 443 (requirement tls-only)", "- old 1.0.0: nothing asks for it any more", "web-1",
                 "unresolvable", "tls conflicts with plain"):
        assert told in table
    assert "power" not in table, "it is kept"
    rows = json.loads(run(kind, *words, "--dry-run", "-f", "json")[1])
    assert [row["Outcome"] for row in rows] == ["rebuild", "unresolvable"]
    assert rows[0]["Servers"] == canned_service.DRY_RUN["changes"][0]["servers"]
    assert [module["change"] for module in rows[0]["Modules"]] == ["changed", "added", "removed", "kept"]
    names = run(kind, *words, "--dry-run", "-f", "value", "-c", "Name")[1]
    assert names.split() == ["web", "db"]


def test_a_dry_run_has_no_shell_variables(run, file):
    with pytest.raises(osc_exceptions.CommandError, match="--dry-run shows rows"):
        run(requirement.CreateRequirement, file, "--dry-run", "-f", "shell")


def test_deleting_shows_nothing(run, canned):
    assert run(requirement.DeleteRequirement, "tls-only")[:2] == (0, "")
    assert canned.requests == [("DELETE", "/v1/requirements/tls-only", None)]


def test_a_requirement_is_shown_with_its_rollouts_and_who_meets_it(run, canned):
    shown = json.loads(run(requirement.ShowRequirement, "tls-only", "-f", "json")[1])
    assert [(each["id"], each["state"], each["replaced"]) for each in shown["rollouts"]] == \
        [(ROLLOUT["id"], "paused", "1 of 2")]
    assert [(each["name"], each["fulfilled"], each["revision"], each["since"]) for each in shown["servers"]] == \
        [("web-1", True, 2, "2026-05-03T00:00:00Z"), (HOSTILE, False, 1, "2026-05-01T00:00:00Z")]


def test_rollouts(run, canned):
    row, = json.loads(run(rollout.ListRollouts, "-f", "json", "--state", "paused")[1])
    assert (row["ID"], row["Replaced"]) == (ROLLOUT["id"], "1 of 2") and "state=paused" in canned.requests[-1][1]
    status, text, aside = run(rollout.ShowRollout, ROLLOUT["id"], "-f", "json")
    assert json.loads(text)["servers"] == ROLLOUT["servers"]
    assert aside.strip().endswith("rollout resume " + ROLLOUT["id"])
    for kind, verb in ((rollout.PauseRollout, "pause"), (rollout.ResumeRollout, "resume"),
                       (rollout.AbortRollout, "abort")):
        assert run(kind, ROLLOUT["id"])[0] == 0
        assert canned.requests[-1] == ("POST", f"/v1/rollouts/{ROLLOUT['id']}/action", {verb: None})


@pytest.mark.parametrize("name, document", [
    ("DryRun", canned_service.DRY_RUN),
    ("Requirement", canned_service.REQUIREMENT), ("Rollout", ROLLOUT)])
def test_the_canned_answers_are_such_as_the_service_gives(name, document):
    canned_service.check_schema(name, document)


def test_the_real_command_and_service(openstack, client, file):
    made = openstack("requirement", "create", file, "--dry-run", "-f", "json")
    assert (made.code, made.json) == (0, []) and client.requirements.list() == [], made
    assert client.rollouts.list() == []
