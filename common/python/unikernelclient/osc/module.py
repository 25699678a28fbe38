# SPDX-License-Identifier: Apache-2.0
"""``openstack unikernel module|platform list|show``"""

from unikernelclient import exceptions
from unikernelclient.osc import base


class ListModules(base.Lister):
    """List the modules that can be installed into images"""

    columns = ("name", "version", "kind", "repository", "summary")

    def take_action(self, parsed_args):
        self.next_command = "openstack unikernel module show NAME"
        return self.listed(self.client.modules.list())


class ShowModule(base.ShowOne):
    """Show a module and its options"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("module", metavar="<module>", help="Name of the module")
        return parser

    def take_action(self, parsed_args):
        return self.shown(self.client.modules.get(parsed_args.module))


class ListPlatforms(base.Lister):
    """List the platforms that images can be built for"""

    columns = ("name", "version", "accelerators")

    def take_action(self, parsed_args):
        return self.listed(self.client.platforms.list())


class ShowPlatform(base.ShowOne):
    """Show a platform"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("platform", metavar="<platform>", help="Name of the platform")
        return parser

    def take_action(self, parsed_args):
        platforms = {platform["name"]: platform for platform in self.client.platforms.list()}
        if parsed_args.platform not in platforms:
            raise exceptions.InvalidInput(f"there is no platform {parsed_args.platform}; there are: "
                                          + ", ".join(sorted(platforms)))
        return self.shown(platforms[parsed_args.platform])
