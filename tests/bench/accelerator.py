# SPDX-License-Identifier: Apache-2.0
"""KVM where it works, TCG otherwise."""

import os
from pathlib import Path

from command import CommandFailed
from guest import Bootable, Guest, Machine
from http_probe import first_answer
from network import Network


def choose(wanted: str, machine_type: str, bootable: Bootable, network: Network, work: Path) -> str:
    """`wanted` unless that is "auto": then kvm if a guest really answers under it. That
    /dev/kvm can be opened proves little: nested hosts have it and cannot run a guest."""
    if wanted != "auto":
        return wanted
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    try:
        with Guest(bootable, network.link(), Machine("kvm", machine_type), bootable.memory_mib, work / "kvm") as guest:
            first_answer(guest, 5)
        return "kvm"
    except CommandFailed:
        return "tcg"
