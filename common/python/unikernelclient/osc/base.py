# SPDX-License-Identifier: Apache-2.0
"""What the commands have in common: the client, errors for people, the next command, columns."""

import json
import re
import sys

import yaml
from cliff import columns
from osc_lib import exceptions as osc_exceptions
from osc_lib.command import command

from unikernelclient import exceptions


class _Base:
    next_command = None  # shown after a success, on standard error

    @property
    def client(self):
        return self.app.client_manager.unikernel

    def run(self, parsed_args):
        try:
            status = super().run(parsed_args)
        except exceptions.UnikernelClientError as error:
            raise osc_exceptions.CommandError(str(error)) from error
        except OSError as error:
            if not error.filename:
                raise  # a closed pipe, not a file of the user's
            raise osc_exceptions.CommandError(f"{error.filename}: {error.strerror}") from error
        if not status and self.next_command:
            print("Next: " + self.next_command, file=sys.stderr)
        return status


class Command(_Base, command.Command):
    """Prints nothing but the next command."""


class ShowOne(_Base, command.ShowOne):
    """Shows one item: take_action answers ``self.shown(item)``."""

    @staticmethod
    def shown(item):
        return zip(*((key, _formatted(value)) for key, value in sorted(item.items())))


class Lister(_Base, command.Lister):
    """Lists items: take_action answers ``self.listed(items)``."""

    columns = ()  # keys of an item; with dots where they lie deeper
    paged = False  # whether there may be many

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        if self.paged:
            parser.add_argument("--limit", type=positive, metavar="<count>", help="Show at most so many")
            parser.add_argument("--all-projects", action="store_true", help="Of all projects (administrators)")
        return parser

    def listed(self, items):
        titles = [column.rpartition(".")[2].replace("_", " ").title() for column in self.columns]
        titles = [re.sub(r"\bId\b", "ID", title) for title in titles]
        return titles, [[_formatted(_deep(item, column)) for column in self.columns] for item in items]


def _deep(item, column):
    for key in column.split("."):
        item = item.get(key) if isinstance(item, dict) else None
    return "" if item is None else item


def _formatted(value):
    return Nested(value) if isinstance(value, (dict, list)) else value


class Nested(columns.FormattableColumn):
    """A value with parts: for people in YAML, or as words; for programs as it is."""

    def human_readable(self):
        if isinstance(self._value, list) and all(isinstance(item, str) for item in self._value):
            return ", ".join(self._value)
        return yaml.safe_dump(self._value, allow_unicode=True, width=80).rstrip()


def plain(value):
    """A value in one line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def positive(text):
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def for_each(names, action):
    """Calls action for each name; CommandError in the end if some failed, after all were tried."""
    failed = []
    for name in names:
        try:
            action(name)
        except exceptions.UnikernelClientError as error:
            failed.append(f"{name}: {error}")
    if failed:
        raise osc_exceptions.CommandError("\n".join(failed))
