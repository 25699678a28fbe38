# SPDX-License-Identifier: Apache-2.0
"""``openstack unikernel image ...``: the artifacts that the builder keeps. Glance has its own commands."""

import contextlib
import hashlib
import os

from unikernelclient import exceptions
from unikernelclient.osc import base


def described(image):
    """An image with what its own note says, flat."""
    note = image.get("description", {})
    shown = {key: value for key, value in image.items() if key != "description"}
    shown.update({key: note[key] for key in note if key not in shown})
    if "modules" in note:
        shown["modules"] = [f"{module['name']} {module['version']}" for module in note["modules"]]
    return shown


def add_image_argument(parser, **options):
    parser.add_argument("image", metavar="<image>", help="Digest (sha256:...) or name of the image", **options)


def digest_of(client, given):
    """The digest of the image that the user names."""
    if given.startswith("sha256:"):
        return given
    digests = [image["digest"] for image in client.images.list() if image["description"].get("name") == given]
    if len(digests) != 1:
        raise exceptions.InvalidInput(f"{len(digests)} images have the name {given}; name one by its digest, see: "
                                      "openstack unikernel image list")
    return digests[0]


class ListImages(base.Lister):
    """List the images the builder keeps"""

    columns = ("digest", "description.name", "bytes", "created", "build")
    paged = True

    def take_action(self, parsed_args):
        return self.listed(self.client.images.list(parsed_args.limit, parsed_args.all_projects))


class ShowImage(base.ShowOne):
    """Show what an image says of itself"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_image_argument(parser)
        return parser

    def take_action(self, parsed_args):
        return self.shown(described(self.client.images.get(digest_of(self.client, parsed_args.image))))


class SaveImage(base.Command):
    """Save an image to a file and check its digest"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_image_argument(parser)
        parser.add_argument("--file", metavar="<file>", required=True, help="File to write")
        return parser

    def take_action(self, parsed_args):
        digest = digest_of(self.client, parsed_args.image)
        blocks, _ = self.client.images.data(digest)
        save(blocks, digest, parsed_args.file)
        self.next_command = f"unikernel run {parsed_args.file}"


def save(blocks, digest, path):
    """Writes the blocks to the path, which appears only when all of them have the digest."""
    sha, partial = hashlib.sha256(), f"{path}.partial"
    try:
        with open(partial, "wb") as file:
            for block in blocks:
                sha.update(block)
                file.write(block)
        if "sha256:" + sha.hexdigest() != digest:
            raise exceptions.InvalidInput(f"what arrived has the digest sha256:{sha.hexdigest()}, not {digest}; "
                                          "nothing was saved")
        os.replace(partial, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)


class DeleteImage(base.Command):
    """Delete images from the builder; those in Glance stay"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_image_argument(parser, nargs="+")
        whose = parser.add_mutually_exclusive_group()
        whose.add_argument("--project", metavar="<id>", help="From this project; for administrators")
        whose.add_argument("--all-projects", action="store_true", help="From all projects; for administrators")
        return parser

    def take_action(self, parsed_args):
        base.for_each(parsed_args.image, lambda image: self.client.images.delete(
            digest_of(self.client, image), parsed_args.project, parsed_args.all_projects))


class UploadImage(base.ShowOne):
    """Hand a finished image to the builder, which checks its seal and its note"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("--file", metavar="<file>", required=True, help="The image")
        return parser

    def take_action(self, parsed_args):
        with open(parsed_args.file, "rb") as file:
            image = self.client.images.create(file)
        self.next_command = f"openstack unikernel image show {image['digest']}"
        return self.shown(described(image))
