# SPDX-License-Identifier: Apache-2.0
"""When what happened to one server, as the cloud's own services wrote it down.

Nova's actions and events have a resolution of a second; its logs, and those of Neutron and Glance,
of a millisecond.  Everything runs on one machine, so their clock is ours.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

LOGS = Path("/var/log")

_TIME = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) ")
_TOOK = re.compile(r" time: ([0-9.]+)| ([0-9.]+)(?:\x1b\S*)?$")

# What nova-compute says of an instance, in this order.
CLAIMED = "Claim successful on node"
CREATING = "Creating image(s)"
VERIFIED = "The image's bytes agree"
STARTED = "VM Started"
PAUSED = "VM Paused"
RESUMED = "VM Resumed"
SPAWNED = "seconds to spawn the instance"
BUILT = "seconds to build instance"
_WORDS = (CLAIMED, CREATING, VERIFIED, STARTED, PAUSED, RESUMED, SPAWNED, BUILT)


@dataclass(frozen=True)
class Marks:
    """Positions in the logs at the beginning of a measurement: what is older is not read."""

    offsets: dict[str, int]

    @classmethod
    def now(cls) -> "Marks":
        return cls({path.name: path.stat().st_size for path in LOGS.glob("*.log")})

    def lines(self, service: str) -> list[str]:
        with open(LOGS / f"{service}.log", "rb") as log:
            log.seek(self.offsets.get(f"{service}.log", 0))
            return log.read().decode(errors="replace").splitlines()


def moment(line: str) -> float | None:
    """Seconds since the epoch at which a line of an OpenStack service's log was written."""
    found = _TIME.match(line)
    return datetime.strptime(found.group(1), "%Y-%m-%d %H:%M:%S.%f").timestamp() if found else None


def of_instance(lines: list[str], server: str) -> dict[str, float]:
    """{word: moment} of what nova-compute says of the server; of what it says twice the first."""
    moments: dict[str, float] = {}
    for line in lines:
        if server in line:
            for word in _WORDS:
                if word in line and (at := moment(line)) is not None:
                    moments.setdefault(word, at)
    return moments


def port_seconds(lines: list[str], port: str) -> float:
    """What Neutron's API took to make the port and to bind it to the host."""
    made, bound = 0.0, None
    for line in lines:
        took = re.search(r" time: ([0-9.]+)", line)
        if took and '"POST /v2.0/ports ' in line and bound is None:
            made = float(took.group(1))
        elif took and f'"PUT /v2.0/ports/{port} ' in line and bound is None:
            bound = float(took.group(1))
    return made + (bound or 0.0)


def fetch_seconds(lines: list[str], images: tuple[str, ...]) -> float:
    """What Glance took to hand out the data of these images; 0 if the host had them."""
    total = 0.0
    for line in lines:
        found = re.search(r'"GET /v2/images/([0-9a-f-]{36})/file HTTP/1\.[01]" 200 \d+ ([0-9.]+)', line)
        if found and found.group(1) in images:
            total += float(found.group(2))
    return total
