# SPDX-License-Identifier: Apache-2.0
"""What http-guard costs: the same application with the requirement and without."""

import base64

from figures import Figure, Sample, surplus
from guest import Bootable
from http_probe import first_answer
from image_builds import PASSWORD, USER
from instructions import Request, compare
from laboratory import CONNECTIONS, Laboratory, patience, say
from minimum_memory import find
from wrk import load

_INSTRUCTIONS_LIMIT = 6    # percent
_BUSY = 20                 # connections that keep the guest from halting
PROTECTED = "/private"     # what examples/requirements/staff-only.yaml protects


def requests() -> dict[str, Request]:
    credentials = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    return {"open page": Request("/"),
            "allowed": Request(PROTECTED, f"Authorization: Basic {credentials}")}


def instructions(lab: Laboratory, guarded: Bootable, plain: Bootable, requests: dict[str, Request]) -> list[Figure]:
    figures = []
    for label, request in requests.items():
        for connections in (1, _BUSY):
            with_it, without = compare(lab, guarded, plain, request, connections)
            text = f"guest instructions per request, {label}, {connections} connection{'s' * (connections > 1)}"
            figures.append(surplus(text, "", with_it, without, _INSTRUCTIONS_LIMIT))
            say(f"{text}: {with_it.text('')} with, {without.text('')} without")
    return figures


def latency(lab: Laboratory, guarded: Bootable, plain: Bootable, requests: dict[str, Request]) -> list[Figure]:
    """p50 and p99 at 1 and 50 connections, in turns; microseconds."""
    samples: dict[tuple[str, int, str, str], list[float]] = {}
    with lab.guest(guarded, lab.network.link()) as one, lab.guest(plain, lab.network.link()) as two:
        for guest in (one, two):
            first_answer(guest, patience(guest.bootable, lab.machine))
        for label, request in requests.items():
            for connections in (CONNECTIONS[0], CONNECTIONS[2]):
                for turn in range(lab.effort.rounds):
                    for guest, other in ((one, two), (two, one)) if turn % 2 == 0 else ((two, one), (one, two)):
                        with guest.only_running([other]):
                            served = load(guest.link, connections, lab.effort.round_seconds,
                                          request.path, request.header)
                        for name, value in (("p50", served.p50), ("p99", served.p99)):
                            samples.setdefault((label, connections, name, guest.bootable.name), []).append(value * 1e6)
    return [surplus(f"latency {name}, {label}, {connections} connection{'s' * (connections > 1)}", "us",
                    Sample.of(samples[label, connections, name, guarded.name]),
                    Sample.of(samples[label, connections, name, plain.name]))
            for label in requests for connections in (CONNECTIONS[0], CONNECTIONS[2]) for name in ("p50", "p99")]


def memory(lab: Laboratory, guarded: Bootable, plain: Bootable) -> Figure:
    return surplus("minimum memory that still serves", "MiB", Sample.of([find(lab, guarded)]),
                   Sample.of([find(lab, plain)]), limit=0)


def size(guarded: Bootable, plain: Bootable) -> Figure:
    return surplus("image", "bytes", Sample.of([guarded.size]), Sample.of([plain.size]))


def must_refuse_strangers(lab: Laboratory, guarded: Bootable) -> None:
    """A guard that does not guard is cheap: it answers 401 before its cost counts.
    Raises NoAnswer if it does not."""
    with lab.guest(guarded, lab.network.link()) as guest:
        first_answer(guest, patience(guarded, lab.machine), PROTECTED, status=401)
