# SPDX-License-Identifier: Apache-2.0
"""A minute at 200 connections: no socket error, no stall; virtio's event_idx on and off.

wrk counts an answer that never comes as nothing at all, so steady_load.cc is used.
"""

import json
from pathlib import Path

from command import run
from figures import Figure, Sample, limited
from guest import Bootable
from http_probe import first_answer
from laboratory import Laboratory, patience, say

_CONNECTIONS = 200
_HERE = Path(__file__).resolve().parent


def compile_load(work: Path) -> Path:
    program = work / "steady_load"
    run(["g++", "-std=c++20", "-O2", "-o", program, _HERE / "steady_load.cc"])
    return program


def measure(lab: Laboratory, unikernel: Bootable) -> list[Figure]:
    program, seconds = compile_load(lab.work), lab.effort.steady_seconds
    figures = []
    for event_idx in (True, False):
        label = f"event_idx {'on' if event_idx else 'off'}"
        link = lab.network.link()
        with lab.guest(unikernel, link, event_idx=event_idx) as guest:
            first_answer(guest, patience(unikernel, lab.machine))
            seen = json.loads(run([program, link.host, str(link.port), str(_CONNECTIONS), str(seconds)],
                                  timeout=seconds + 60))
            if not guest.alive():
                say(f"the guest ended under load:\n{guest.last_words()}")
        say(f"{seconds} s at {_CONNECTIONS} connections, {label}: {seen}")
        figures += [
            limited(f"{label}: connections never answered", "", Sample.of([_CONNECTIONS - seen["connected"]]), 0),
            limited(f"{label}: socket errors", "", Sample.of([seen["errors"] + seen["not_200"]]), 0),
            limited(f"{label}: longest time without any answer", "s", Sample.of([seen["longest_gap"]]), 1, below=True),
            limited(f"{label}: longest wait of one request", "s", Sample.of([seen["longest_wait"]]), 1, below=True),
        ]
    return figures
