# SPDX-License-Identifier: Apache-2.0
"""``openstack unikernel image ...``: the artifacts that the builder keeps. Glance has its own commands."""

import hashlib
import os
import tempfile

from unikernelclient import exceptions
from unikernelclient.osc import base


def described(image):
    """An image with what its own note says, flat."""
    note = image.get("description", {})
    shown = {key: value for key, value in image.items() if key != "description"}
    shown.update({key: note[key] for key in note if key not in shown and key != "configuration"})
    if "modules" in note:
        shown["modules"] = [f"{module['name']} {module['version']}" for module in note["modules"]]
    return shown


def add_image_argument(parser, **options):
    parser.add_argument("image", metavar="<digest>", help="Digest of the image (sha256:...)", **options)


class ListImages(base.Lister):
    """List the images the builder keeps"""

    columns = ("digest", "description.name", "bytes", "created", "build")
    paged = True

    def take_action(self, parsed_args):
        return self.listed(self.client.images.list(parsed_args.limit))


class ShowImage(base.ShowOne):
    """Show what an image says of itself"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_image_argument(parser)
        return parser

    def take_action(self, parsed_args):
        return self.shown(described(self.client.images.get(parsed_args.image)))


class SaveImage(base.Command):
    """Save an image to a file and check its digest"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_image_argument(parser)
        parser.add_argument("--file", metavar="<file>", required=True, help="File to write")
        return parser

    def take_action(self, parsed_args):
        blocks, _ = self.client.images.data(parsed_args.image)
        save(blocks, parsed_args.image, parsed_args.file)
        self.next_command = f"unikernel run {parsed_args.file}"


def save(blocks, digest, path):
    """Writes the blocks to the path, which appears only when all of them have the digest."""
    sha = hashlib.sha256()
    folder, name = os.path.split(os.path.abspath(path))
    with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{name}.") as file:
        for block in blocks:
            sha.update(block)
            file.write(block)
        if "sha256:" + sha.hexdigest() != digest:
            raise exceptions.InvalidInput(f"what arrived has the digest sha256:{sha.hexdigest()}, not {digest}; "
                                          "nothing was saved")
        file.flush()
        os.chmod(file.name, 0o644)
        os.replace(file.name, path)
        file.delete = False


class DeleteImage(base.Command):
    """Delete images from the builder; those in Glance stay"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_image_argument(parser, nargs="+")
        return parser

    def take_action(self, parsed_args):
        base.for_each(parsed_args.image, self.client.images.delete)


class UploadImage(base.ShowOne):
    """Hand a finished image to the builder, which checks its seal and its note"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("--file", metavar="<file>", required=True, help="The image")
        return parser

    def take_action(self, parsed_args):
        try:
            with open(parsed_args.file, "rb") as file:
                image = self.client.images.create(file)
        except OSError as error:
            raise exceptions.InvalidInput(f"{parsed_args.file}: {error.strerror}") from error
        self.next_command = f"openstack unikernel image show {image['digest']}"
        return self.shown(described(image))
