# SPDX-License-Identifier: Apache-2.0
"""``openstack unikernel requirement ...``: security requirements that the service keeps for the project."""

import sys

from unikernelclient import documents, exceptions
from unikernelclient.osc import base, dry_run
from unikernelclient.osc.rollout import progress

ROLLOUTS_MOST = 100  # that are looked through for one requirement


def described(requirement):
    """With the document's own keys flat, as the file has them."""
    return {**{key: value for key, value in requirement.items() if key != "document"},
            **requirement.get("document", {})}


def add_requirement_argument(parser, **options):
    parser.add_argument("requirement", metavar="<requirement>", help="Name of the requirement", **options)
    parser.add_argument("--domain", metavar="<domain id>", help="Just that domain's one (administrators)")


def _domain(parsed_args):
    """The option, for a next command."""
    return f" --domain {parsed_args.domain}" if parsed_args.domain else ""


class CreateRequirement(dry_run.Shown, base.ShowOne):
    """Store a security requirement; every build it applies to has to meet it from now on"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        file = parser.add_mutually_exclusive_group(required=True)
        file.add_argument("file", metavar="<file>", nargs="?", help="The requirement, in YAML or JSON (.json); its "
                          "secrets are sealed on this machine")
        file.add_argument("--file", metavar="<file>", dest="named_file", help="The same")
        scope = parser.add_mutually_exclusive_group()
        scope.add_argument("--global", dest="everywhere", action="store_true",
                           help="For all projects (administrators)")
        scope.add_argument("--domain", metavar="<domain id>", help="For all projects of the domain (administrators)")
        dry_run.add_argument(parser)
        return parser

    def take_action(self, parsed_args):
        file = parsed_args.file or parsed_args.named_file
        made = self.client.requirements.create(documents.read(file), parsed_args.everywhere, parsed_args.dry_run,
                                               parsed_args.domain)
        if parsed_args.dry_run:
            scope = " --global" if parsed_args.everywhere else _domain(parsed_args)
            self.next_command = f"openstack unikernel requirement create {file}{scope}"
            return dry_run.rows(made["changes"])
        self.next_command = f"openstack unikernel requirement show {made['name']}{_domain(parsed_args)}"
        return self.shown(described(made))


class SetRequirement(dry_run.Shown, base.ShowOne):
    """Make a new revision of a stored requirement; older ones stay on record"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_requirement_argument(parser)
        parser.add_argument("--file", metavar="<file>", required=True, help="What it says from now on")
        dry_run.add_argument(parser)
        return parser

    def take_action(self, parsed_args):
        made = self.client.requirements.update(parsed_args.requirement, documents.read(parsed_args.file),
                                               parsed_args.dry_run, parsed_args.domain)
        if parsed_args.dry_run:
            self.next_command = (f"openstack unikernel requirement set {parsed_args.requirement} "
                                 f"--file {parsed_args.file}{_domain(parsed_args)}")
            return dry_run.rows(made["changes"])
        self.next_command = f"openstack unikernel requirement show {made['name']}{_domain(parsed_args)}"
        return self.shown(described(made))


class ListRequirements(base.Lister):
    """List the security requirements of the project, of its domain and of all projects"""

    columns = ("name", "revision", "project", "domain", "document.description")
    paged = True

    def take_action(self, parsed_args):
        return self.listed(self.client.requirements.list(parsed_args.limit, parsed_args.all_projects))


class ShowRequirement(base.ShowOne):
    """Show a security requirement (its secrets are salted hashes), its rollouts, and which servers meet it"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_requirement_argument(parser)
        return parser

    def take_action(self, parsed_args):
        requirement = described(self.client.requirements.get(parsed_args.requirement, parsed_args.domain))
        try:
            requirement["rollouts"] = rollouts_of(requirement["name"], self.client.rollouts.list(limit=ROLLOUTS_MOST))
            requirement["servers"] = servers_of(requirement["name"], self.client.compliance.get())
        except exceptions.ApiError as error:  # the servers' keeper is away; what is stored can be shown all the same
            print(f"Its rollouts and servers are not shown: {error}", file=sys.stderr)
        return self.shown(requirement)


def rollouts_of(name, rollouts):
    """Those that were made for this requirement, newest first."""
    return [{"id": rollout["id"], "name": rollout["name"], "state": rollout["state"], "reason": rollout["reason"],
             "replaced": progress(rollout), "updated": rollout["updated"]}
            for rollout in rollouts if name in _named(rollout)]


def _named(rollout):
    causes = rollout["cause"] if isinstance(rollout["cause"], list) else rollout.get("requirements", [])
    return [cause["requirement"] for cause in causes]


def servers_of(name, report):
    """Those that the requirement applies to: whether they meet it, and since when they are as they are."""
    return [{"id": server["id"], "name": server["name"], "fulfilled": requirement["fulfilled"],
             "revision": requirement["fulfilled_revision"], "since": server["since"]}
            for server in report["servers"] for requirement in server["requirements"] if requirement["name"] == name]


class RequirementHistory(base.Lister):
    """List all revisions of a security requirement, newest first: who changed what, and when"""

    columns = ("revision", "audit.action", "created", "author", "request_id", "document")

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_requirement_argument(parser)
        return parser

    def take_action(self, parsed_args):
        history = self.client.requirements.history(parsed_args.requirement, parsed_args.domain)
        if not history["intact"]:
            print(f"Warning: {history['problem']}: the service's database was tampered with", file=sys.stderr)
        return self.listed(history["requirements"])


class DeleteRequirement(base.Lister):
    """Delete security requirements; builds no longer have to meet them"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_requirement_argument(parser, nargs="+")
        dry_run.add_argument(parser)
        return parser

    def take_action(self, parsed_args):
        changes = []

        def delete(name):
            ended = self.client.requirements.delete(name, parsed_args.dry_run, parsed_args.domain)
            changes.extend(ended["changes"] if parsed_args.dry_run else [])

        base.for_each(parsed_args.requirement, delete)
        return dry_run.rows(changes)

    def produce_output(self, parsed_args, column_names, data):
        return super().produce_output(parsed_args, column_names, data) if parsed_args.dry_run else 0
