# SPDX-License-Identifier: Apache-2.0
"""Compliance: what the command shows of servers, by a service with canned answers; and the real command against the
real service, which has no servers here."""

import json

import canned_service

from unikernelclient.osc import compliance


def test_compliance_fails_where_something_is_out_of_it(run, canned, tmp_path):
    status, table, aside = run(compliance.ShowCompliance, "--html", tmp_path / "report.html")
    assert status == 1 and "1 of 2 servers are in compliance" in aside
    assert "image web is outdated: its plan is another" in aside
    assert "tls-only 2: not met, has 1" in table
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")
    status, text, _ = run(compliance.ShowCompliance, "-f", "json", "--all-projects")
    assert status == 1 and canned.requests[-1][1] == "/v1/compliance?all_projects=true"
    rows = json.loads(text)
    assert [row["Compliant"] for row in rows] == [True, False]
    assert rows[1]["Requirements"][0]["fulfilled_revision"] == 1


def test_the_canned_answer_is_such_as_the_service_gives():
    canned_service.check_schema("Compliance", canned_service.REPORT)


def test_the_real_command_and_service(openstack, tmp_path):
    report = openstack("compliance", "--html", tmp_path / "report.html", "-f", "json")
    assert (report.code, report.json) == (0, []), report
    assert "0 of 0 servers are in compliance" in report.error
    assert "<h1>Compliance</h1>" in (tmp_path / "report.html").read_text()
