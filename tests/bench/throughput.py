# SPDX-License-Identifier: Apache-2.0
"""Requests per second at several numbers of connections, unikernel and Linux in turns."""

import contextlib

import placement
from figures import Figure, Sample, limited, times_less, times_more
from guest import Bootable
from http_probe import first_answer
from laboratory import CONNECTIONS, Laboratory, patience, say
from wrk import load

_GOALS = dict(zip(CONNECTIONS, (3, 5, 5, 5)))


def measure(lab: Laboratory, unikernel: Bootable, linux: Bootable) -> list[Figure]:
    """Both guests are up all the time; the one whose turn it is not is stopped."""
    rates: dict[tuple[str, int], list[float]] = {}
    costs: dict[tuple[str, int], list[float]] = {}
    errors = dict.fromkeys((unikernel.name, linux.name), 0)
    with contextlib.ExitStack() as stack:
        ours, theirs = (stack.enter_context(lab.guest(boot, lab.network.link())) for boot in (unikernel, linux))
        pair = [(ours, theirs), (theirs, ours)]
        for guest, _ in pair:
            first_answer(guest, patience(guest.bootable, lab.machine))
        if lab.apart:
            stack.enter_context(placement.apart([ours, theirs]))
        for connections in CONNECTIONS:
            for turn in range(lab.effort.rounds):
                for guest, other in pair if turn % 2 == 0 else reversed(pair):
                    with guest.only_running([other]):
                        before = guest.processor_seconds()
                        served = load(guest.link, connections, lab.effort.round_seconds)
                        used = guest.processor_seconds() - before
                    name = guest.bootable.name
                    rates.setdefault((name, connections), []).append(served.requests_per_second)
                    costs.setdefault((name, connections), []).append(used / max(served.requests, 1) * 1e6)
                    errors[name] += served.socket_errors + served.other_status
            say(f"{connections} connections: " + ", ".join(
                f"{name} {Sample.of(rates[name, connections]).text('requests/s')}" for name in errors))
    figures = [times_more(f"requests/s, {connections} connection{'s' if connections > 1 else ''}", "",
                          Sample.of(rates[unikernel.name, connections]),
                          Sample.of(rates[linux.name, connections]), _GOALS[connections])
               for connections in CONNECTIONS]
    figures += [times_less(f"processor time of QEMU per request, {connections} "
                           f"connection{'s' if connections > 1 else ''}", "us",
                           Sample.of(costs[unikernel.name, connections]),
                           Sample.of(costs[linux.name, connections])) for connections in CONNECTIONS]
    figures.append(limited("errors in these runs (unikernel)", "", Sample.of([errors[unikernel.name]]), 0))
    figures.append(limited("errors in these runs (Linux)", "", Sample.of([errors[linux.name]])))
    return figures
