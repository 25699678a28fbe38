# SPDX-License-Identifier: Apache-2.0
"""One run of wrk, Debian's HTTP load generator, and its figures."""

import re
from dataclasses import dataclass

from command import run
from network import Link

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Load:
    requests: int
    requests_per_second: float
    p50: float          # seconds
    p99: float
    longest: float
    socket_errors: int  # connect + read + write + timeout
    other_status: int   # answers that were not 2xx or 3xx


def _seconds(text: str) -> float:
    number, unit = re.fullmatch(r"([0-9.]+)(us|ms|s|m|h)", text).groups()
    return float(number) * _UNITS[unit]


def parse(output: str) -> Load:
    """Reads the report of `wrk --latency`."""
    def find(pattern: str, default: str | None = None) -> str:
        found = re.search(pattern, output, re.MULTILINE)
        if found is None and default is None:
            raise ValueError(f"wrk's report has no {pattern!r}:\n{output}")
        return found.group(1) if found else default

    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    return Load(
        requests=int(find(r"(\d+) requests in")),
        requests_per_second=float(find(r"Requests/sec:\s+([0-9.]+)")),
        p50=_seconds(find(r"^\s+50%\s+(\S+)")),
        p99=_seconds(find(r"^\s+99%\s+(\S+)")),
        longest=_seconds(find(r"Latency\s+\S+\s+\S+\s+(\S+)")),
        socket_errors=sum(int(count) for count in errors.groups()) if errors else 0,
        other_status=int(find(r"Non-2xx or 3xx responses: (\d+)", "0")),
    )


def load(link: Link, connections: int, seconds: float, path: str = "/", header: str = "") -> Load:
    """Keeps `connections` busy for `seconds` (whole ones) from one thread."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"]
    if header:
        words += ["-H", header]
    return parse(run([*words, f"{link.url}{path}"], timeout=seconds + 60))
