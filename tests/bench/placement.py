# SPDX-License-Identifier: Apache-2.0
"""Which of the host's processors do what while requests are counted.

A guest's virtual processor, QEMU's device thread and the load generator are three threads. On a host of few
processors its scheduler now and then puts the virtual processor beside one of the others and leaves it there for
seconds; figures then differ by twice from one second to the next. Clients elsewhere would leave it a processor.
"""

import contextlib
import os
from collections.abc import Iterator

from guest import Guest


def can_be_apart() -> bool:
    return len(os.sched_getaffinity(0)) > 1


@contextlib.contextmanager
def apart(guests: list[Guest]) -> Iterator[None]:
    """Each guest's virtual processor has the host's first processor; QEMU's other threads, and what this process
    starts meanwhile, have the rest. Needs two processors (can_be_apart). The guests stay so."""
    everywhere = os.sched_getaffinity(0)
    first = {min(everywhere)}
    rest = everywhere - first
    for guest in guests:
        virtual = guest.processor_thread()
        for thread in guest.threads():
            os.sched_setaffinity(thread, first if thread == virtual else rest)
    os.sched_setaffinity(0, rest)
    try:
        yield
    finally:
        os.sched_setaffinity(0, everywhere)
