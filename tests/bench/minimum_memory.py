# SPDX-License-Identifier: Apache-2.0
"""The least memory with which a guest still serves, in MiB of QEMU's -m."""

from command import CommandFailed
from figures import Figure, Sample, times_less
from guest import Bootable
from http_probe import first_answer
from laboratory import Laboratory, patience, say
from network import Link
from wrk import load

_CONNECTIONS = 50


def _serves(lab: Laboratory, bootable: Bootable, link: Link, mib: int) -> bool:
    """True if it comes up and answers a second of load on 50 connections without an error."""
    try:
        with lab.guest(bootable, link, memory_mib=mib) as guest:
            first_answer(guest, patience(bootable, lab.machine))
            served = load(link, _CONNECTIONS, 1)
            return guest.alive() and served.requests >= _CONNECTIONS \
                and served.socket_errors == 0 and served.other_status == 0
    except CommandFailed:
        return False


def find(lab: Laboratory, bootable: Bootable) -> int:
    """Bisects; both ends of the answer are tried, and a lucky or unlucky one is tried again."""
    link = lab.network.link()
    enough, too_little = bootable.memory_mib, 0
    if not _serves(lab, bootable, link, enough):
        raise CommandFailed(f"{bootable.name} does not serve with {enough} MiB")
    while enough - too_little > 1:
        middle = (enough + too_little) // 2
        good = _serves(lab, bootable, link, middle) or _serves(lab, bootable, link, middle)
        say(f"{bootable.name} with {middle} MiB: {'serves' if good else 'does not serve'}")
        if good:
            enough = middle
        else:
            too_little = middle
    return enough


def measure(lab: Laboratory, unikernel: Bootable, linux: Bootable) -> Figure:
    return times_less("minimum memory that still serves", "MiB",
                      Sample.of([find(lab, unikernel)]), Sample.of([find(lab, linux)]), goal=8)
