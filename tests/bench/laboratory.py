# SPDX-License-Identifier: Apache-2.0
"""What every measurement needs: where to work, the network, the machine and how long."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from guest import Bootable, Guest, Machine
from network import Link, Network

CONNECTIONS = (1, 10, 50, 200)
PATIENCE = {"linux": 60.0, "unikernel": 10.0}  # seconds to the first answer before we give up


@dataclass(frozen=True)
class Effort:
    """How much is measured. `quick` is for continuous integration."""

    boots: int
    rounds: int
    round_seconds: int
    steady_seconds: int
    builds: int


THOROUGH = Effort(boots=11, rounds=5, round_seconds=5, steady_seconds=60, builds=5)
QUICK = Effort(boots=3, rounds=2, round_seconds=2, steady_seconds=8, builds=1)


@dataclass(frozen=True)
class Laboratory:
    work: Path
    network: Network
    machine: Machine
    effort: Effort
    apart: bool = False   # placement.py

    def guest(self, bootable: Bootable, link: Link, memory_mib: int | None = None,
              **machine: object) -> Guest:
        """Starts a guest; `machine` changes fields of the common machine for this one."""
        return Guest(bootable, link, replace(self.machine, **machine),
                     memory_mib or bootable.memory_mib, self.work / f"guest-{bootable.name}")


def patience(bootable: Bootable, machine: Machine) -> float:
    limit = PATIENCE["linux" if bootable.initrd else "unikernel"]
    return limit * 4 if machine.count_instructions else limit


def say(text: str) -> None:
    """Progress, on standard error so that standard output is the report alone."""
    print(f"bench: {text}", file=sys.stderr, flush=True)
