# SPDX-License-Identifier: Apache-2.0
"""``openstack unikernel compliance``: which servers run what is wanted of them."""

import pathlib
import sys

from cliff import columns

from unikernelclient.osc import base


class Requirements(columns.FormattableColumn):
    """For people the names with their revisions, those that are not met marked; for programs all of it."""

    def human_readable(self):
        return "\n".join(_told(requirement) for requirement in self._value)


def _told(requirement):
    text = f"{requirement['name']} {requirement['revision']}"
    if requirement["fulfilled"]:
        return text
    old = requirement["fulfilled_revision"]
    return f"{text}: not met" + (f", has {old}" if old else "")


class ShowCompliance(base.Lister):
    """List servers and whether they meet the security requirements; fails if something does not"""

    columns = ("id", "name", "project", "status", "compliant", "reason", "since", "not_after", "image_id", "image",
               "known", "pinned", "rollout", "requirements")
    narrow = ("Name", "Compliant", "Reason", "Since", "Not After", "Requirements")

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("--all-projects", action="store_true", help="Of all projects (administrators)")
        parser.add_argument("--html", metavar="<file>", help="Also write the report as a page for people")
        parser.add_argument("--long", action="store_true", help="Show all columns in tables too")
        return parser

    def take_action(self, parsed_args):
        report = self.client.compliance.get(parsed_args.all_projects)
        if parsed_args.html:
            pathlib.Path(parsed_args.html).write_bytes(self.client.compliance.page(parsed_args.all_projects))
        if parsed_args.formatter == "table" and not parsed_args.columns and not parsed_args.long:
            parsed_args.columns = list(self.narrow)
        self.status = 0 if report["compliant"] else 1
        self.say(report)
        titles, rows = self.listed(report["servers"])
        at = self.columns.index("requirements")
        for row, server in zip(rows, report["servers"]):
            row[at] = Requirements(server["requirements"])
        return titles, rows

    def run(self, parsed_args):
        return super().run(parsed_args) or self.status

    @staticmethod
    def say(report):
        """A summary on standard error: what there is no row for, and the number of those that matter."""
        servers = report["servers"]
        good = sum(server["compliant"] for server in servers)
        unknown = sum(not server.get("known", True) for server in servers)
        for line in report["lines"]:
            if line["outdated"]:
                print(f"image {line['name']} is outdated: {line['reason']}", file=sys.stderr)
        print(f"{good} of {len(servers)} servers are in compliance" +
              (f", {unknown} run an unknown image" if unknown else ""), file=sys.stderr)
