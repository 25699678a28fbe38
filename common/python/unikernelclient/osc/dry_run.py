# SPDX-License-Identifier: Apache-2.0
"""What --dry-run of the requirement commands shows: a row for each line that the change concerns."""

from cliff import columns
from osc_lib import exceptions

from unikernelclient.osc import base

SIGNS = {"added": "+", "removed": "-", "changed": "~"}
COLUMNS = ("name", "project", "outcome", "reason", "modules", "servers")


def add_argument(parser):
    parser.add_argument("--dry-run", action="store_true",
                        help="Store nothing; show which images would be built anew with which modules, why, and which "
                        "servers they concern")


def rows(changes):
    """(titles, rows) of the "changes" of a dry run."""
    return [column.title() for column in COLUMNS], [
        [Modules(change["modules"]) if column == "modules" else Servers(change["servers"]) if column == "servers"
         else change[column] for column in COLUMNS] for change in changes]


class Modules(columns.FormattableColumn):
    """For people what differs, a line each; for programs all of it."""

    def human_readable(self):
        return "\n".join(line for module in self._value if module["change"] in SIGNS for line in _told(module))


def _told(module):
    yield f"{SIGNS[module['change']]} {module['name']} {module['version']}: {module['reason']}"
    for option, change in sorted(module["options"].items()):
        sources = f" ({', '.join(change['sources'])})" if change["sources"] else ""
        value = base.plain(change["to"])
        yield f"    {option}: " + (value if module["change"] == "added" else
                                   f"{base.plain(change['from'])} -> {value}") + sources


class Servers(columns.FormattableColumn):
    def human_readable(self):
        return "\n".join(server["name"] or server["id"] for server in self._value)


class Shown:
    """Of a command that shows one item, or with --dry-run the rows of its changes."""

    def produce_output(self, parsed_args, column_names, data):
        if not parsed_args.dry_run:
            return super().produce_output(parsed_args, column_names, data)
        if not hasattr(self.formatter, "emit_list"):
            raise exceptions.CommandError("--dry-run shows rows; give -f json, table, value or yaml")
        included, selector = self._generate_columns_and_selector(parsed_args, column_names)
        if selector:
            data = [list(self._compress_iterable(row, selector)) for row in data]
        self.formatter.emit_list(included, data, self.app.stdout, parsed_args)
        return 0
