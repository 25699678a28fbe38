# SPDX-License-Identifier: Apache-2.0
"""Where threads are put, with two processes in a guest's place."""

import os
import subprocess

import pytest

import placement


class StandIn:
    """Two threads, of which the first is the virtual processor."""

    def __init__(self, processes):
        self._ids = [process.pid for process in processes]

    def processor_thread(self):
        return self._ids[0]

    def threads(self):
        return self._ids


@pytest.mark.skipif(not placement.can_be_apart(), reason="one processor")
def test_virtual_processor_has_one_of_the_host_to_itself():
    everywhere = os.sched_getaffinity(0)
    processes = [subprocess.Popen(["sleep", "60"]) for _ in range(2)]
    try:
        with placement.apart([StandIn(processes)]):
            virtual, other = (os.sched_getaffinity(process.pid) for process in processes)
            assert len(virtual) == 1
            assert other == everywhere - virtual
            assert os.sched_getaffinity(0) == other   # the load generator is started from here
        assert os.sched_getaffinity(0) == everywhere
    finally:
        for process in processes:
            process.kill()
            process.wait()
