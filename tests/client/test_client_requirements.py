# SPDX-License-Identifier: Apache-2.0
"""Stored security requirements: the commands against the real service."""

import pathlib

import pytest

from unikernelclient import bundle, exceptions

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
STAFF_ONLY = EXAMPLES / "requirements" / "staff-only.yaml"
PASSWORD = {"STAFF_PASSWORD": "correct horse"}


def create(openstack, *options):
    return openstack("requirement", "create", STAFF_ONLY, *options, "-f", "json", **PASSWORD)


def test_one_from_its_making_to_its_end(openstack, client, stub):
    made = create(openstack)
    assert made.code == 0 and (made.json["name"], made.json["revision"]) == ("staff-only", 1), made
    assert made.last_line == "Next: openstack unikernel requirement show staff-only"
    row, = openstack("requirement", "list", "-f", "json").json
    assert (row["Name"], row["Revision"]) == ("staff-only", 1) and "staff's password" in row["Description"]
    shown = openstack("requirement", "show", "staff-only", "-f", "json").json
    assert set(shown["modules"]["http-guard"]["credentials"][0]["secret"]) == {"salt", "hash", "iterations"}
    changed = openstack("requirement", "set", "staff-only", "--file", STAFF_ONLY, "-f", "json",
                        STAFF_PASSWORD="another")
    assert changed.code == 0 and changed.json["revision"] == 2
    history = openstack("requirement", "history", "staff-only", "-f", "json").json
    assert [row["Revision"] for row in history] == [2, 1] and history[0]["Document"] != history[1]["Document"]
    assert [row["Action"] for row in history] == ["replaced", "created"] and history[0]["Request ID"] != ""
    assert client.requirements.history("staff-only")["intact"] is True
    assert openstack("requirement", "delete", "staff-only").code == 0
    assert client.requirements.list() == [] and len(client.requirements.revisions("staff-only")) == 3
    assert b"correct horse" not in b"".join(file.read_bytes() for file in stub.state.rglob("*") if file.is_file())


def test_a_validity_and_a_rollout_are_stored_as_they_are_written(openstack, client):
    made = openstack("requirement", "create", "--file", EXAMPLES / "requirements" / "fresh-web.yaml", "-f", "json")
    assert made.code == 0 and made.json["validity"] == "30d" and made.json["rollout"]["canary"] == 1, made
    both = openstack("requirement", "create", STAFF_ONLY, "--file", STAFF_ONLY)
    assert both.code == 2 and "not allowed with" in both.error
    domain = openstack("requirement", "create", STAFF_ONLY, "--domain", "d1", **PASSWORD)
    assert domain.code == 1 and "there are no domains without identity" in domain.error


def test_mistakes(openstack, client):
    assert create(openstack).code == 0
    taken = create(openstack)
    assert taken.code == 1 and "requirement.exists" in taken.error
    missing = openstack("requirement", "delete", "none", "staff-only")
    assert missing.code == 1 and "none: " in missing.error and client.requirements.list() == []
    with pytest.raises(exceptions.NotFound):
        client.requirements.get("none")


def test_a_build_names_a_stored_one(openstack, client):
    assert create(openstack, "--global").code == 0
    unknown = openstack("build", "create", "--spec", EXAMPLES / "hello-web", "--requirement", "none")
    assert unknown.code == 1 and "requirement.unknown" in unknown.error
    other = openstack("build", "create", "--spec", EXAMPLES / "hello-world", "--requirement", "staff-only")
    assert other.code == 1 and "requirement.not-applicable" in other.error
    built = openstack("build", "create", "--spec", EXAMPLES / "hello-web", "--requirement", "staff-only", "--wait")
    assert built.code == 0, built
    assert client.requirements.get("staff-only")["project"] is None


def test_the_spec_may_come_from_the_bundle(openstack, tmp_path, client):
    bundle.pack(EXAMPLES / "hello-world", tmp_path / "hello.tar")
    assert openstack("build", "create", "--bundle", tmp_path / "hello.tar", "--wait").code == 0
    build, = client.builds.list()
    assert build["name"] == "hello-world"


def test_a_service_without_glance_says_so(openstack):
    result = openstack("build", "create", "--spec", EXAMPLES / "hello-world", "--name", "hello")
    assert result.code == 1 and "publish.impossible" in result.error
