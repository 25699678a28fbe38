# SPDX-License-Identifier: Apache-2.0
"""``openstack unikernel build list|show|log|cancel``; create is in build_create.py."""

import sys

from unikernelclient import exceptions
from unikernelclient.osc import base
from unikernelclient.osc.progress import Progress


def described(build):
    """A build as its commands show it: what became of it, without what only the service needs."""
    publish = build.get("publish") or {}
    shown = {key: build.get(key, "") for key in
             ("id", "name", "state", "phase", "created", "updated", "bundle", "image", "error")}
    shown["image_id"] = publish.get("image_id", "")
    shown["seconds"] = round(sum(phase["milliseconds"] for phase in build["phases"]) / 1000, 3)
    return shown


def next_after(build):
    """The command that makes most sense after a build that has succeeded."""
    image_id = (build.get("publish") or {}).get("image_id")
    if image_id:
        return f"openstack server create --image {image_id} --flavor u1.nano --network NETWORK {build['name']} --wait"
    return f"openstack unikernel image save {build['image']} --file {build['name']}.img"


def follow(client, build_id, show=sys.stderr):
    """Shows the events to the end; answers the build, or raises BuildFailed."""
    build = client.builds.wait(build_id, Progress(show))
    if build["state"] != "succeeded":
        raise exceptions.BuildFailed(build)
    return build


def add_build_argument(parser, **options):
    parser.add_argument("build", metavar="<build>", help="ID of the build", **options)


class ListBuilds(base.Lister):
    """List builds, newest first"""

    columns = ("id", "name", "state", "created", "publish.image_id")
    paged = True

    def take_action(self, parsed_args):
        return self.listed(self.client.builds.list(parsed_args.limit, parsed_args.all_projects))


class ShowBuild(base.ShowOne):
    """Show a build"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_build_argument(parser)
        return parser

    def take_action(self, parsed_args):
        return self.shown(described(self.client.builds.get(parsed_args.build)))


class BuildLog(base.Command):
    """Show a build's log, live until it ends; fails if the build does"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_build_argument(parser)
        return parser

    def take_action(self, parsed_args):
        self.next_command = next_after(follow(self.client, parsed_args.build, sys.stdout))


class CancelBuild(base.Command):
    """Cancel builds that have not ended"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_build_argument(parser, nargs="+")
        return parser

    def take_action(self, parsed_args):
        base.for_each(parsed_args.build, self.client.builds.cancel)
