# SPDX-License-Identifier: Apache-2.0
"""``openstack unikernel build create``"""

import os
import pathlib
import sys
import tempfile
import uuid

from unikernelclient import bundle
from unikernelclient import documents
from unikernelclient import exceptions
from unikernelclient.osc import base
from unikernelclient.osc import build as builds


class CreateBuild(base.ShowOne):
    """Build an image from source and security requirements

    Requirements only add to the spec or tighten it; those stored for the project are always among them. If all
    of them cannot be met together there is no image, and the text says why. Secrets are sealed on this machine
    before they are sent."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("--spec", metavar="<path>", help="Folder of the source with a unikernel.yaml, or another "
                            "specification, in YAML or JSON (.json), which by default lies beside the source")
        parser.add_argument("--bundle", metavar="<path>", help="The source: a folder, or a tar archive of one (plain, "
                            "gzip, zstd); without --spec its unikernel.yaml counts")
        parser.add_argument("--requirement", metavar="<name-or-file>", action="append", default=[],
                            help="A requirement to meet: a file, or the name of a stored one (repeat the option for "
                            "several)")
        parser.add_argument("--name", metavar="<name>", help="Name of the Glance image (default: the spec's)")
        parser.add_argument("--image-id", metavar="<uuid>", type=uuid.UUID, help="ID of the Glance image (default: "
                            "a new one)")
        parser.add_argument("--visibility", choices=("private", "shared"), help="Visibility of the Glance image "
                            "(default: private)")
        parser.add_argument("--no-publish", action="store_true", help="Make no Glance image; the builder keeps the "
                            "artifact (default with --os-auth-type none, where there is no Glance)")
        parser.add_argument("--no-boot-check", action="store_true", help="Do not boot the image once before it is "
                            "stored")
        parser.add_argument("--wait", action="store_true", help="Wait for the end, with the log on standard error; "
                            "fail if the build does")
        parser.add_argument("--cancel-on-interrupt", action="store_true", help="With --wait: Ctrl-C cancels the build "
                            "(default: it goes on)")
        return parser

    def take_action(self, parsed_args):
        spec_file, source = locate(parsed_args.spec, parsed_args.bundle)
        spec = documents.read(spec_file) if spec_file else None
        requirements = [requirement(given) for given in parsed_args.requirement]
        keystone = self.app.client_manager.auth_plugin_name != "none"
        publish = publishing(parsed_args, spec) if keystone or glance_options(parsed_args) else None
        build = self.client.builds.create(self._upload(source), spec, requirements,
                                          not parsed_args.no_boot_check, publish)
        if parsed_args.wait:
            build = self._wait(build["id"], parsed_args.cancel_on_interrupt)
        self.next_command = (builds.next_after(build) if build["state"] == "succeeded" else
                             f"openstack unikernel build log {build['id']}")
        return self.shown(builds.described(build))

    def _upload(self, source):
        if not source.is_dir():
            with open(source, "rb") as file:
                return self.client.bundles.create(file)
        with tempfile.TemporaryFile() as file:
            bundle.pack(source, file)
            file.seek(0)
            return self.client.bundles.create(file)

    def _wait(self, build_id, cancel):
        try:
            return builds.follow(self.client, build_id)
        except KeyboardInterrupt:
            if cancel:
                self.client.builds.cancel(build_id)
                print(f"\nbuild {build_id} is cancelled", file=sys.stderr)
            else:
                print(f"\nbuild {build_id} goes on\nNext: openstack unikernel build log {build_id}"
                      f"\n  or: openstack unikernel build cancel {build_id}", file=sys.stderr)
            raise


def locate(spec, source):
    """(file of the spec or None: the archive's own, path of the source)"""
    if not spec and not source:
        raise exceptions.InvalidInput("say what to build: --spec FOLDER, or --bundle PATH")
    if source and not os.path.exists(source):
        raise exceptions.InvalidInput(f"--bundle {source}: there is no such file or folder")
    if not spec and not os.path.isdir(source):
        return None, pathlib.Path(source)
    spec = pathlib.Path(spec or source)
    file = spec / bundle.SPEC_NAME if spec.is_dir() else spec
    if not file.is_file():
        raise exceptions.InvalidInput(f"{file}: there is no such file; it says what to build, and may be named with "
                                      "--spec FILE")
    return file, pathlib.Path(source or file.parent)


def requirement(given):
    """A file's document, or the name of a stored one."""
    if os.path.isfile(given):
        return documents.read(given)
    if "/" in given or given.endswith((".yaml", ".yml", ".json")):
        raise exceptions.InvalidInput(f"--requirement {given}: there is no such file")
    return given


def publishing(parsed_args, spec):
    """What the service is to make in Glance; None: nothing."""
    wanted = {"name": parsed_args.name or (spec or {}).get("name"), "visibility": parsed_args.visibility,
              "id": parsed_args.image_id and str(parsed_args.image_id)}
    if not parsed_args.no_publish:
        return {key: value for key, value in wanted.items() if value}
    if glance_options(parsed_args):
        raise exceptions.InvalidInput("--name, --image-id and --visibility are about the Glance image that "
                                      "--no-publish leaves out")
    return None


def glance_options(parsed_args):
    """Whether one was given that is about the Glance image."""
    return parsed_args.name or parsed_args.image_id or parsed_args.visibility
