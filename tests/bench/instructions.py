# SPDX-License-Identifier: Apache-2.0
"""Guest instructions per request: a figure that the load of the host does not move.

Under `-icount shift=0` QEMU counts the guest's instructions; guest.executed_instructions
reads the counter before and after a load. Time in which the processor is halted counts
nothing, so there is no idle time to subtract; what is counted beside the requests
themselves is timer work, which is why the guest is kept busy by several connections.
How many requests one interrupt serves depends on the host's scheduling; that is the
remaining noise, and why with and without take turns.
"""

from dataclasses import dataclass

from command import CommandFailed
from figures import Sample
from guest import Bootable, Guest
from http_probe import first_answer
from laboratory import Laboratory, patience
from wrk import load


@dataclass(frozen=True)
class Request:
    """What is asked for. `header` may be empty."""

    path: str
    header: str = ""


def per_request(guest: Guest, request: Request, connections: int, seconds: int) -> float:
    before = guest.executed_instructions()
    served = load(guest.link, connections, seconds, request.path, request.header)
    if served.other_status or served.socket_errors:
        raise CommandFailed(f"{guest.bootable.name}: {served.other_status} answers to {request.path} were no"
                            f" success, {served.socket_errors} socket errors; nothing to compare")
    return (guest.executed_instructions() - before) / served.requests


def compare(lab: Laboratory, first: Bootable, second: Bootable, request: Request,
            connections: int) -> tuple[Sample, Sample]:
    """Both images in turns, each in its own guest. Instructions per request."""
    counts: tuple[list[float], list[float]] = ([], [])
    counting = {"count_instructions": True, "accelerator": "tcg", "processor": None}  # KVM cannot count
    with lab.guest(first, lab.network.link(), **counting) as one, \
            lab.guest(second, lab.network.link(), **counting) as two:
        for guest in (one, two):
            first_answer(guest, patience(guest.bootable, guest.machine))
            per_request(guest, request, connections, 1)  # pools filled, caches of the guest warm
        for _ in range(lab.effort.rounds):
            for guest, other, into in ((one, two, counts[0]), (two, one, counts[1])):
                with guest.only_running([other]):
                    into.append(per_request(guest, request, connections, lab.effort.round_seconds))
    return Sample.of(counts[0]), Sample.of(counts[1])
