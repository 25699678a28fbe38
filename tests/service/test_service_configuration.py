# SPDX-License-Identifier: Apache-2.0
"""Settings, addresses, ports, full disks: what the service says before and while it runs."""

import json
import pathlib
import re
import socket
import subprocess

import pytest
import yaml

from service_process import Service, program

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(tmp_path, *options, environment=None):
    """Runs the service where it is expected to end by itself."""
    return subprocess.run([program("unikernel-builder-stub"), *options], capture_output=True, text=True, timeout=30,
                          check=False, env={"HOME": str(tmp_path), **(environment or {})})


def configuration(tmp_path, text):
    path = tmp_path / "unikernel-builder.conf"
    path.write_text(text)
    return str(path)


def test_help_names_every_option(tmp_path):
    done = run(tmp_path, "--help")
    assert done.returncode == 0
    for option in ("listen", "state", "workers", "queue", "build-time-limit", "disk-reserve", "config", "log-format"):
        assert "--" + option in done.stdout


@pytest.mark.parametrize("options, message", [
    (["--colour", "red"], "unrecognised option '--colour'"),
    (["--workers", "0"], "workers: 0 is not in 1 to 256"),
    (["--workers", "many"], "the argument ('many') for option '--workers' is invalid"),
    (["--queue", "-1"], "queue: -1 is not in 1 to 100000"),
    (["--log-format", "xml"], "log-format: 'xml' is neither plain nor json"),
    (["--log-level", "loud"], "log-level: 'loud' is none of debug, info, warning, error"),
    (["stray"], "too many positional options"),
    (["--config", "/nowhere/x.conf"], "/nowhere/x.conf: the configuration file cannot be read"),
    (["--listen", "localhost"], "listen: 'localhost' is not an address and port such as 127.0.0.1:8770 or [::1]:0"),
    (["--listen", "127.0.0.1:70000"], "listen: '127.0.0.1:70000' is not an address and port"),
    (["--listen", "0.0.0.0:8770"], "listen: 0.0.0.0:8770 is not a loopback address; without authentication"),
    (["--listen", "10.0.0.1:0"], "is not a loopback address"),
    (["--listen", "[::]:8770"], "is not a loopback address"),
])
def test_refuses_wrong_settings(tmp_path, options, message):
    done = run(tmp_path, *options)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("unikernel-builder: ") and message in done.stderr


def test_refuses_unknown_keys_of_the_configuration(tmp_path):
    path = configuration(tmp_path, "workers = 1\ncolour = red\n")
    done = run(tmp_path, "--config", path)
    assert done.returncode == 2
    assert f"{path}: unknown key 'colour'; known: listen, identity, public-url" in done.stderr


def test_reads_the_configuration_and_the_command_line_wins(start, tmp_path):
    path = configuration(tmp_path, "# a comment\nqueue = 1\nworkers = 1\nlog-format = json\n")
    service = start("--config", path, "--queue", "2")
    service.wait_for(service.submit("runs", sleep_ms=60_000).json["id"], "running")
    assert [service.submit(f"b{n}", sleep_ms=1).status for n in range(3)] == [202, 202, 503]
    service.request("DELETE", "/v1/builds/" + service.get("/v1/builds").json["builds"][-1]["id"])
    for line in service.log().splitlines():
        assert set(json.loads(line)) == {"time", "level", "message"}


def test_finds_its_configuration_by_itself(tmp_path):
    folder = tmp_path / "xdg" / "unikernel"
    folder.mkdir(parents=True)
    (folder / "unikernel-builder.conf").write_text("nonsense = 1\n")
    done = run(tmp_path, environment={"XDG_CONFIG_HOME": str(tmp_path / "xdg")})
    assert (done.returncode, "unknown key 'nonsense'" in done.stderr) == (2, True)


def test_says_where_it_listens(start):
    service = start()
    service.stop()
    with open(service.log_file) as log:
        assert "stopped" in log.read()


def test_prints_the_real_port(tmp_path):
    process = subprocess.Popen([program("unikernel-builder-stub"), "--listen", "127.0.0.1:0", "--state",
                                str(tmp_path / "state")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        line = process.stdout.readline()
        port = int(re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", line)[1])
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0
        process.stdout.close()


def test_listens_on_ipv6_loopback(tmp_path):
    process = subprocess.Popen([program("unikernel-builder-stub"), "--listen", "[::1]:0", "--state",
                                str(tmp_path / "state")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        if not line and "cannot listen" in process.stderr.read():
            pytest.skip("this machine has no IPv6 loopback address")
        assert re.fullmatch(r"listening on http://\[::1\]:(\d+)\n", line)
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()
        process.stderr.close()


def test_says_when_its_port_is_in_use(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        where = f"127.0.0.1:{other.getsockname()[1]}"
        done = run(tmp_path, "--listen", where)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (f"unikernel-builder: {where} is in use by another program; give --listen "
                                            "another port or stop it")


def test_two_services_do_not_share_a_state(start, tmp_path):
    service = start()
    done = run(tmp_path, "--listen", "127.0.0.1:0", "--state", str(service.state))
    assert done.returncode == 1
    assert f"{service.state} is in use by another builder" in done.stderr


def test_refuses_a_database_of_a_newer_version(start, tmp_path):
    import sqlite3
    service = start()
    service.stop()
    with sqlite3.connect(service.state / "builds.sqlite") as database:
        database.execute("PRAGMA user_version = 1000")
    database.close()
    done = run(tmp_path, "--listen", "127.0.0.1:0", "--state", str(service.state))
    assert done.returncode == 1
    assert "was written by a newer version (its schema is 1000" in done.stderr


def test_keeps_its_state_by_default_below_the_home(tmp_path):
    process = subprocess.Popen([program("unikernel-builder-stub"), "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True, env={"HOME": str(tmp_path)})
    try:
        assert process.stdout.readline().startswith("listening")
        assert (tmp_path / ".local/state/unikernel/builds.sqlite").exists()
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()


def test_is_unwell_below_the_disk_reserve(tmp_path):
    service = Service(tmp_path, "--disk-reserve", "1048576").start()
    try:
        health = service.get("/healthcheck")
        assert (health.status, health.error["code"]) == (503, "health.disk-full")
        assert "MiB are free, 1048576 MiB are the least (disk-reserve)" in health.error["detail"]
        answer = service.request("POST", "/v1/bundles", b"x", {"Content-Type": "application/x-tar"})
        assert (answer.status, answer.error["code"]) == (507, "bundle.disk-full")
        assert "delete images that are not needed" in answer.error["detail"]
    finally:
        assert service.stop() == 0


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 12 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], capture_output=True,
                             text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here: " + mounted.stderr.strip())
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_an_answer_and_not_the_end(small_disk):
    service = Service(small_disk).start()
    try:
        kept = service.wait_for(service.submit("kept", image_bytes=1_000_000).json["id"])["image"]
        answer = service.request("POST", "/v1/bundles", bytes(20 << 20), {"Content-Type": "application/x-tar"})
        assert (answer.status, answer.error["code"]) == (507, "bundle.disk-full")
        assert list((service.state / "incoming").iterdir()) == []
        assert service.get("/healthcheck").status == 200
        filler = small_disk / "filler"
        bundle = service.bundle()
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        refused = service.submit("full", bundle=bundle, lines=50_000, line_bytes=200)
        if refused.status == 202:
            assert service.wait_for(refused.json["id"])["state"] == "disk-full"
        else:
            assert refused.status == 507, refused.body
        assert service.get("/v1/images/" + kept).status == 200
        filler.unlink()
        again = service.submit("room-again", bundle=bundle)
        assert service.wait_for(again.json["id"])["state"] == "succeeded"
    finally:
        assert service.stop() == 0


def declared_routes():
    """The literal route strings of the router's one table."""
    text = (ROOT / "builder_service/api/routes.cc").read_text()
    return set(re.findall(r'\{"([A-Z]+)",\s+"(/[^"]*)"', text))


def test_openapi_and_router_name_the_same_routes():
    described = yaml.safe_load((ROOT / "builder_service/api/openapi.yaml").read_text())
    paths = {(method.upper(), path) for path, item in described["paths"].items() for method in item
             if method != "parameters" and method != "head"}
    assert paths == declared_routes() and len(paths) == 35


def test_documented_routes_are_the_routers():
    text = (ROOT / "doc/source/contributor/rest-api.rst").read_text()
    documented = {(method, path) for path, method in
                  re.findall(r"^(/\S*)\s+(GET|POST|PUT|DELETE)\s", text, flags=re.MULTILINE)}
    assert documented == declared_routes()


def test_every_described_route_exists(start):
    service = start()
    for method, path in declared_routes():
        answer = service.request(method, re.sub(r"\{[a-z]+\}", "x", path), b"" if method in ("POST", "PUT") else None)
        assert answer.status not in (404, 405) or answer.error["code"] not in ("route.not-found", "route.method")
