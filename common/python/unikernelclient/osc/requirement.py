# SPDX-License-Identifier: Apache-2.0
"""``openstack unikernel requirement ...``: security requirements that the service keeps for the project."""

from unikernelclient import documents
from unikernelclient.osc import base


def described(requirement):
    """With the document's own keys flat, as the file has them."""
    return {**{key: value for key, value in requirement.items() if key != "document"},
            **requirement.get("document", {})}


def add_requirement_argument(parser, **options):
    parser.add_argument("requirement", metavar="<requirement>", help="Name of the requirement", **options)


class CreateRequirement(base.ShowOne):
    """Store a security requirement; every build it applies to has to meet it from now on"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("file", metavar="<file>", help="The requirement, in YAML or JSON (.json); its secrets are "
                            "sealed on this machine")
        parser.add_argument("--global", dest="everywhere", action="store_true",
                            help="For all projects (administrators)")
        return parser

    def take_action(self, parsed_args):
        requirement = self.client.requirements.create(documents.read(parsed_args.file), parsed_args.everywhere)
        self.next_command = "openstack unikernel requirement list"
        return self.shown(described(requirement))


class SetRequirement(base.ShowOne):
    """Make a new revision of a stored requirement; older ones stay on record"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_requirement_argument(parser)
        parser.add_argument("--file", metavar="<file>", required=True, help="What it says from now on")
        return parser

    def take_action(self, parsed_args):
        requirement = self.client.requirements.update(parsed_args.requirement, documents.read(parsed_args.file))
        return self.shown(described(requirement))


class ListRequirements(base.Lister):
    """List the security requirements of the project, and those of all projects"""

    columns = ("name", "revision", "project", "document.description")
    paged = True

    def take_action(self, parsed_args):
        return self.listed(self.client.requirements.list(parsed_args.limit, parsed_args.all_projects))


class ShowRequirement(base.ShowOne):
    """Show a security requirement; its secrets are salted hashes"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_requirement_argument(parser)
        return parser

    def take_action(self, parsed_args):
        return self.shown(described(self.client.requirements.get(parsed_args.requirement)))


class RequirementHistory(base.Lister):
    """List all revisions of a security requirement, newest first"""

    columns = ("revision", "deleted", "created", "author", "document")

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_requirement_argument(parser)
        return parser

    def take_action(self, parsed_args):
        return self.listed(self.client.requirements.revisions(parsed_args.requirement))


class DeleteRequirement(base.Command):
    """Delete security requirements; builds no longer have to meet them"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_requirement_argument(parser, nargs="+")
        return parser

    def take_action(self, parsed_args):
        base.for_each(parsed_args.requirement, self.client.requirements.delete)
