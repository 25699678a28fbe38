# SPDX-License-Identifier: Apache-2.0
"""From the start of the virtual machine's process to the first HTTP 200."""

from figures import Figure, Sample, times_less
from guest import Bootable
from http_probe import first_answer
from laboratory import Laboratory, patience, say


def measure(lab: Laboratory, unikernel: Bootable, linux: Bootable) -> list[Figure]:
    guests = {boot.name: (boot, lab.network.link(), list[float]()) for boot in (unikernel, linux)}
    processor: dict[str, list[float]] = {unikernel.name: [], linux.name: []}
    for run in range(lab.effort.boots):
        for boot, link, times in guests.values():  # interleaved: noise hits both
            with lab.guest(boot, link) as guest:
                times.append(first_answer(guest, patience(boot, lab.machine)))
                processor[boot.name].append(guest.processor_seconds())
        say(f"boot {run + 1} of {lab.effort.boots}: "
            + ", ".join(f"{name} {times[-1]:.3f} s" for name, (_, _, times) in guests.items()))
    return [times_less("VM start to first HTTP 200", "s", Sample.of(guests[unikernel.name][2]),
                       Sample.of(guests[linux.name][2]), goal=25),
            times_less("processor time of QEMU until then", "s", Sample.of(processor[unikernel.name]),
                       Sample.of(processor[linux.name]))]
