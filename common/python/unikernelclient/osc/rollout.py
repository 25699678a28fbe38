# SPDX-License-Identifier: Apache-2.0
"""``openstack unikernel rollout ...``: new images on their way to the servers that have to run them."""

from unikernelclient.osc import base

ENDED = ("succeeded", "failed", "aborted", "superseded")


def add_rollout_argument(parser, **options):
    parser.add_argument("rollout", metavar="<rollout>", help="ID of the rollout", **options)


def progress(rollout):
    """"3 of 5": servers that run the new image, of those that it concerns."""
    servers = [server for server in rollout["servers"] if server["state"] not in ("pinned", "gone")]
    done = sum(server["state"] == "replaced" for server in servers)
    return f"{done} of {len(servers)}"


class ListRollouts(base.Lister):
    """List rollouts, newest first"""

    columns = ("id", "name", "state", "reason", "replaced", "created", "updated")
    paged = True

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("--state", metavar="<state>", help="Only those that are building, replacing, waiting, "
                            "paused, succeeded, failed, aborted or superseded")
        return parser

    def take_action(self, parsed_args):
        rollouts = self.client.rollouts.list(parsed_args.limit, parsed_args.all_projects, parsed_args.state)
        return self.listed([{**rollout, "replaced": progress(rollout)} for rollout in rollouts])


class ShowRollout(base.ShowOne):
    """Show a rollout with its servers"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_rollout_argument(parser)
        return parser

    def take_action(self, parsed_args):
        rollout = self.client.rollouts.get(parsed_args.rollout)
        if rollout["state"] not in ENDED:
            verb = "resume" if rollout["state"] == "paused" else "pause"
            self.next_command = f"openstack unikernel rollout {verb} {rollout['id']}"
        return self.shown(rollout)


class _Action(base.Command):
    verb = None

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_rollout_argument(parser, nargs="+")
        return parser

    def take_action(self, parsed_args):
        base.for_each(parsed_args.rollout, getattr(self.client.rollouts, self.verb))
        self.next_command = f"openstack unikernel rollout show {parsed_args.rollout[0]}"


class PauseRollout(_Action):
    """Pause rollouts: what was begun with a server is finished, no further one is touched"""

    verb = "pause"


class ResumeRollout(_Action):
    """Let paused rollouts go on"""

    verb = "resume"


class AbortRollout(_Action):
    """End rollouts; servers that were replaced already stay so, the rest keep their image"""

    verb = "abort"
