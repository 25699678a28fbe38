# SPDX-License-Identifier: Apache-2.0
"""Prints the image properties that follow from an artifact, as the openstack client takes them.

usage: python3 -m unikernel_nova.describe FILE IMAGE-ID
prints one NAME=VALUE a line; ends with status 1 and a reason if the file is no image.
"""
import sys

from unikernel_nova import artifact
from unikernel_nova import properties
from unikernel_nova.refusal import Refused

MAX_SIZE = 1 << 30  # bytes


def main(argv):
    if len(argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        found = artifact.read_artifact(argv[1], MAX_SIZE)
    except (Refused, OSError) as refused:
        print(f'{argv[1]}: {refused}', file=sys.stderr)
        return 1
    for name, value in sorted(properties.derive_all(found, argv[2]).items()):
        print(f'{name}={value}')
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
