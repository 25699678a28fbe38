# SPDX-License-Identifier: Apache-2.0
"""The measurements that are taken inside of a cloud's namespaces; bench_cloud.py starts it there.

usage: cloud_measure.py PLAN, a JSON file:
{"guests": {NAME: {"files": {"kernel": PATH, ...}, "command_line": TEXT, "flavor": {"ram": MiB, "disk": GiB},
                   "patience": s}},
 "order": [NAME, ...], "many": {NAME: COUNT}}
prints as its last line a JSON object {"servers": [...], "many": [...], "left": [...]}
"""

import ipaddress
import itertools
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "openstack")]

# pylint: disable=wrong-import-position
import cloud_logs  # noqa: E402
from command import run  # noqa: E402
from http_probe import first_answer  # noqa: E402
from laboratory import say  # noqa: E402
from network import Link  # noqa: E402
from servers import INSTANCES, Workbench, http_status, until  # noqa: E402

_PROBE_EVERY = 0.01   # seconds
_SETTLE = 5           # seconds in which the services finish with the server before
_MANY_PATIENCE = 900  # seconds


@dataclass(frozen=True)
class Named:
    name: str


@dataclass
class Started:
    """What http_probe wants to know of a guest."""

    bootable: Named
    link: Link
    started: float
    bench: Workbench
    server: str

    def alive(self) -> bool:
        return True

    def last_words(self) -> str:
        return self.bench.console(self.server)[-1500:]


class Addresses:
    """Addresses of the subnet that Neutron gives to nobody of itself, in turns.

    A server that asks for one of them need not be asked for its address while it is made: each
    question would take the services away from the very work that is measured.
    """

    def __init__(self, bench: Workbench) -> None:
        network = bench.network.find_network("public")
        subnet = bench.network.get_subnet(network.subnet_ids[0])
        pools = [tuple(map(ipaddress.ip_address, (pool["start"], pool["end"]))) for pool in subnet.allocation_pools]
        free = [str(address) for address in ipaddress.ip_network(subnet.cidr).hosts()
                if str(address) != subnet.gateway_ip and not any(first <= address <= last for first, last in pools)]
        self.network, self._turns = network.id, itertools.cycle(free[-4:])
        # A lost ARP question is repeated after a second, and a server is there long before that.
        for what, milliseconds in (("retrans_time_ms", 20), ("delay_first_probe_time", 1)):
            Path(f"/proc/sys/net/ipv4/neigh/public/{what}").write_text(str(milliseconds), encoding="ascii")

    def next(self) -> str:
        """The next address; whoever had it before is forgotten."""
        run(["ip", "neighbour", "flush", "dev", "public"])
        return next(self._turns)


class Contestant:
    """A guest as the cloud knows it: its images and its flavor."""

    def __init__(self, bench: Workbench, name: str, plan: dict) -> None:
        self.name, self.patience = name, plan["patience"]
        files = {part: Path(path) for part, path in plan["files"].items()}
        if "image" in files:
            self.image = bench.image(files["image"])
            self.images = {self.image: files["image"].stat().st_size}
        else:
            self._ordinary(bench, files, plan["command_line"])
        self.flavor = bench.compute.find_flavor(bench.flavor(**plan["flavor"])).id

    def _ordinary(self, bench: Workbench, files: dict[str, Path], command_line: str) -> None:
        kernel = bench.plain_image(files["kernel"].read_bytes(), f"{self.name}-kernel", "aki", "aki")
        ramdisk = bench.plain_image(files["ramdisk"].read_bytes(), f"{self.name}-ramdisk", "ari", "ari")
        kind = "qcow2" if files["disk"].read_bytes()[:4] == b"QFI\xfb" else "raw"
        self.image = bench.plain_image(files["disk"].read_bytes(), self.name, kind, kernel_id=kernel,
                                       ramdisk_id=ramdisk, os_command_line=command_line)
        self.images = dict(zip((kernel, ramdisk, self.image),
                               (files[part].stat().st_size for part in ("kernel", "ramdisk", "disk"))))


def written_bytes(server: str) -> int:
    """What the host's disk holds of a server and of cached images: allocated blocks, not file sizes."""
    files = [path for folder in (INSTANCES / server, INSTANCES / "_base") for path in folder.rglob("*")]
    return sum(path.stat().st_blocks * 512 for path in files if path.is_file())


def forget_cached_images() -> None:
    for path in (INSTANCES / "_base").glob("*"):
        path.unlink()


def one(bench: Workbench, guest: Contestant, addresses: Addresses, cold: bool) -> dict[str, object]:
    """Creates one server, waits for its first HTTP 200, stops and deletes it."""
    if cold:
        forget_cached_images()
    time.sleep(_SETTLE)
    address = addresses.next()
    marks = cloud_logs.Marks.now()
    clock = time.time() - time.monotonic()  # ours and the logs'
    begun = time.monotonic()
    server = bench.ask(guest.image, guest.flavor, [{"uuid": addresses.network, "fixed_ip": address}])
    accepted = time.monotonic()
    link = Link("", "", address, "", address, 80)
    answered = first_answer(Started(Named(guest.name), link, begun, bench, server), guest.patience, every=_PROBE_EVERY)
    port = bench.ports(server)[0]
    bench.must_become(server, "ACTIVE")
    moments = {word: at - clock - begun for word, at in
               cloud_logs.of_instance(marks.lines("nova-compute"), server).items()}
    running = moments.get(cloud_logs.RESUMED, moments[cloud_logs.STARTED])
    found = {
        "guest": guest.name, "cold": cold, "answer": answered, "active": moments[cloud_logs.BUILT],
        "api": accepted - begun, "schedule": moments[cloud_logs.CLAIMED] - (accepted - begun),
        "port": cloud_logs.port_seconds(marks.lines("neutron-server"), port),
        "fetch": cloud_logs.fetch_seconds(marks.lines("glance-api"), tuple(guest.images)),
        "spawn": moments[cloud_logs.SPAWNED] - moments[cloud_logs.CREATING],
        "wired": running - moments[cloud_logs.STARTED],
        "boot": answered - running, "process_to_answer": answered - moments[cloud_logs.STARTED],
        "spawn_to_answer": answered - moments[cloud_logs.CREATING],
        "fetched_bytes": sum(guest.images.values()) if cold else 0,
        "written_bytes": written_bytes(server) if cold else 0,
    }
    return found | end(bench, server, address)


def end(bench: Workbench, server: str, address: str) -> dict[str, float]:
    """Stops and deletes a server; how long each took."""
    begun = time.monotonic()
    bench.act(server, "os-stop")
    until(lambda: bench.show(server).status == "SHUTOFF", "it is stopped")
    stopped = time.monotonic()
    assert http_status(address) is None
    bench.delete(server)
    return {"stop": stopped - begun, "delete": time.monotonic() - stopped}


def many(bench: Workbench, guest: Contestant, network: str, count: int) -> dict[str, object]:
    """`count` servers by one request; seconds from it to the first HTTP 200 of each."""
    begun = time.monotonic()
    first = bench.ask(guest.image, guest.flavor, [{"uuid": network}], name="many", min_count=count, max_count=count)
    name = bench.show(first).name.rpartition("-")[0]  # Nova numbers them

    def listed() -> list[str] | None:
        found = [server.id for server in bench.compute.servers(name=f"^{name}")]
        return found if len(found) == count else None

    servers = until(listed, "all servers are listed")
    for server in servers:
        if server != first:
            bench.adopt(server)
    answered: dict[str, float] = {}

    def all_answer() -> bool:
        addresses = {port.device_id: port.fixed_ips[0]["ip_address"] for port in bench.network.ports()
                     if port.device_id in servers}
        for server, address in addresses.items():
            if server not in answered and http_status(address) == 200:
                answered[server] = time.monotonic() - begun
        return len(answered) == count

    until(all_answer, f"{count} servers answer", _MANY_PATIENCE)
    for server in servers:
        bench.must_become(server, "ACTIVE")
    ports = {server: bench.ports(server) for server in servers}
    ended = time.monotonic()
    bench.delete(*servers)
    deleted = time.monotonic() - ended
    left = {server: remains for server in servers if (remains := bench.remains(server, ports[server]))}
    return {"guest": guest.name, "count": count, "answers": sorted(answered.values()), "delete": deleted, "left": left}


def main(plan: dict) -> None:
    bench = Workbench()
    try:
        guests = {name: Contestant(bench, name, guest) for name, guest in plan["guests"].items()}
        # The services' own first time: connections, caches of tokens, imports.
        addresses = Addresses(bench)
        one(bench, guests[plan["order"][0]], addresses, cold=False)
        servers, seen = [], set()
        for number, name in enumerate(plan["order"], 1):
            servers.append(one(bench, guests[name], addresses, cold=name not in seen))
            seen.add(name)
            say(f"server {number} of {len(plan['order'])}: {name} ACTIVE after {servers[-1]['active']:.2f} s, "
                f"first HTTP 200 after {servers[-1]['answer']:.2f} s")
        crowds = [many(bench, guests[name], addresses.network, count) for name, count in plan["many"].items()]
    finally:
        bench.close()
    print(json.dumps({"servers": servers, "many": crowds, "load_average": os.getloadavg()}))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
