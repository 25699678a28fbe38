# SPDX-License-Identifier: Apache-2.0
"""How the load generator reaches a guest.

With root (or user namespaces) the benchmark lives in a network namespace of its own, with
one tap device per guest: the fast path, and nothing of it is visible outside or outlives
the process. Otherwise QEMU's user-mode network is used; it serialises everything through
QEMU's own TCP and its throughput says little, so the report names it.
"""

import socket
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from command import CommandFailed, run, unshare_network


@dataclass(frozen=True)
class Link:
    """One guest's place in the network."""

    netdev: str         # QEMU's -netdev, with id=net0
    mac: str
    guest_address: str  # address/prefix inside the guest, for net.ip=
    gateway: str
    host: str           # where the guest's port 80 answers
    port: int
    # QEMU's user-mode network accepts before the guest does, and an accepted connection may
    # stay mute for ever: there it is given up soon, and times are no finer than this.
    answer_within: float = 5.0   # seconds

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


class Network(ABC):
    name: str

    @abstractmethod
    def link(self) -> Link:
        """A new link for one guest. Links are never given back; there are few."""


class TapNetwork(Network):
    """A tap device and a /24 per guest, with a permanent neighbour entry: a lost ARP
    question is asked again only after one second, which would hide a boot of 0.1 s."""

    name = "tap devices in a network namespace"

    def __init__(self) -> None:
        self._links = 0
        run(["ip", "link", "set", "lo", "up"])

    def link(self) -> Link:
        self._links += 1
        number = self._links
        tap, mac = f"tap{number}", f"52:54:00:77:00:{number:02x}"
        gateway, guest = f"10.77.{number}.1", f"10.77.{number}.2"
        run(["ip", "tuntap", "add", "dev", tap, "mode", "tap"])
        # No IPv6 chatter; a short queue, so that a guest that comes up is not met by
        # seconds of stale connection attempts.
        run(["ip", "link", "set", tap, "addrgenmode", "none", "txqueuelen", "500", "up"])
        run(["ip", "address", "add", f"{gateway}/24", "dev", tap])
        run(["ip", "neighbour", "replace", guest, "lladdr", mac, "dev", tap, "nud", "permanent"])
        return Link(f"tap,id=net0,ifname={tap},script=no,downscript=no,vhost=off", mac,
                    f"{guest}/24", gateway, guest, 80)


class UserNetwork(Network):
    """QEMU's user-mode network with a forwarded port; needs no right at all."""

    name = "QEMU user-mode network (throughput is that of QEMU's own TCP, not of the guest)"

    def link(self) -> Link:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        return Link(f"user,id=net0,hostfwd=tcp:127.0.0.1:{port}-:80", "52:54:00:77:00:01",
                    "10.0.2.15/24", "10.0.2.2", "127.0.0.1", port,
                    answer_within=0.1)


def open_network() -> Network:
    """The best network this user may have. Moves the calling process into a namespace."""
    if Path("/dev/net/tun").exists() and unshare_network():
        try:
            return TapNetwork()
        except CommandFailed as refused:
            print(f"bench: no tap network: {refused}")
    return UserNetwork()
