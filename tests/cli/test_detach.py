# SPDX-License-Identifier: Apache-2.0
"""unikernel run --detach, ps, console and stop; and /v1/instances behind them, with real guests."""

import json
import pathlib
import sys
import threading
import time
import urllib.request

import pytest

from cli_command import PROGRAMS, write_program

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "service"))

from service_process import Service, wait_until  # noqa: E402


class Client:
    """The command line with a service of its own."""

    def __init__(self, unikernel, service):
        self.unikernel, self.service = unikernel, service

    def __call__(self, *words):
        return self.unikernel(*words, environment={"UNIKERNEL_SERVICE": f"http://127.0.0.1:{self.service.port}"})

    def instance(self, name):
        return self.service.get(f"/v1/instances/{name}").json

    def put(self, name, **change):
        return self.service.request("PUT", f"/v1/instances/{name}", json.dumps(change),
                                    {"Content-Type": "application/json"})


@pytest.fixture(scope="module")
def client(unikernel, tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("service"), name="unikernel-builder").start()
    yield Client(unikernel, service)
    assert service.stop() == 0


@pytest.fixture(scope="module")
def better(unikernel, images, tmp_path_factory):
    """The web server, with another answer."""
    folder = tmp_path_factory.mktemp("better")
    source = write_program(folder / "web", "web")
    (source / "main.cc").write_text(PROGRAMS["web"][0].replace("hello", "HELLO"))
    file = folder / "better.img"
    result = unikernel("build", source, "--local", "--no-boot-check", "--output", file, seconds=280)
    assert result.code == 0, result
    return file


@pytest.fixture
def shop(client, images):
    """An instance of the web server, with its URL."""
    started = client("run", images["web"], "--detach", "--forward", "0:80", "--name", "shop", "--json")
    assert started.code == 0, started
    yield f"http://127.0.0.1:{started.json['forwards'][0]['host']}/"
    client("stop", "shop", "--now")


def answer(url):
    with urllib.request.urlopen(url, timeout=5) as page:
        return page.read()


def answers(url):
    def asked():
        try:
            return answer(url)
        except OSError:
            return None
    wait_until(asked, seconds=30)
    return answer(url)


def test_detached_it_runs_is_listed_shows_its_console_and_stops(client, images):
    started = client("run", images["web"], "--detach", "--forward", "0:80", "--name", "till")
    assert started.code == 0, started
    url = next(word for word in started.out.split() if word.startswith("http://"))
    assert started.last_line == "Next: unikernel console till"
    assert answers(url) == b"hello"
    listed = client("ps", "--json").json
    assert [(one["name"], one["status"], "pid" in one) for one in listed] == [("till", "running", False)]
    assert f"127.0.0.1:{url.rstrip('/').rsplit(':', 1)[1]}->80" in client("ps").out
    assert "till" not in client("ps", "--local").out
    assert {"u0: sealed", "listening"} <= set(client("console", "till").out.splitlines())
    assert client("stop", "tll").error == 'unikernel: no instance "tll" runs here; did you mean till?\n'
    stopped = client("stop", "till")
    assert (stopped.code, stopped.out) == (0, "stopped till\n")
    assert client("ps", "--json").json == []
    with pytest.raises(OSError):
        answer(url)
    gone = client("console", "till")
    assert gone.code == 3 and "there is no instance till" in gone.error


def test_it_comes_back_on_its_port_after_the_service_was_killed(client, shop):
    assert answers(shop) == b"hello"
    client.service.kill()
    with pytest.raises(OSError):
        answer(shop)
    client.service.start()
    assert answers(shop) == b"hello"
    wait_until(lambda: client.instance("shop")["status"] == "running")  # which it is told after the guest answers


def test_its_image_is_replaced_almost_without_a_gap(client, shop, better):
    assert answers(shop) == b"hello"
    before = client.instance("shop")
    image = client.service.request("POST", "/v1/images", better.read_bytes(),
                                   {"Content-Type": "application/octet-stream"}).json["digest"]
    seen, done = [], threading.Event()

    def watch():
        while not done.is_set():
            try:
                seen.append((time.monotonic(), answer(shop)))
            except OSError:
                seen.append((time.monotonic(), None))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        replaced = client.put("shop", image=image)
    finally:
        done.set()
        watcher.join()
    assert replaced.status == 200, replaced.body
    after = replaced.json
    assert {key: after[key] for key in ("id", "name", "forwards")} == {
        key: before[key] for key in ("id", "name", "forwards")}
    assert (after["image"], after["status"], answer(shop)) == (image, "running", b"HELLO")
    assert seen[0][1] == b"hello"
    good = [moment for moment, text in seen if text]
    longest = max(after - before for before, after in zip(good, good[1:]))
    assert longest < 2, f"for {longest:.2f} s nobody answered"
    assert client.service.request("DELETE", f"/v1/images/{image}").error["code"] == "image.in_use"


def test_pinned_it_keeps_its_image(client, shop, images):
    image = client.instance("shop")["image"]
    assert client.put("shop", pinned=True).json["pinned"] is True
    refused = client.put("shop", image=image)
    assert refused.status == 409 and "pinned" in refused.error["detail"]
    assert client.put("shop", pinned=False, image=image).status == 200


def test_what_cannot_be_is_refused_with_its_reason(client, shop, images):
    image, port = client.instance("shop")["image"], int(shop.rstrip("/").rsplit(":", 1)[1])
    hello = client.service.request("POST", "/v1/images", images["hello"].read_bytes(),
                                   {"Content-Type": "application/octet-stream"}).json["digest"]
    for body, status, reason in (
            ({"name": "shop", "image": image}, 409, "an instance shop exists already"),
            ({"name": "two", "image": image, "forwards": [{"host_port": port, "guest_port": 80}]}, 409,
             "the host port is in use"),
            ({"name": "two", "image": "sha256:" + "0" * 64}, 404, "sha256:0000"),
            ({"name": "two", "image": image, "memory_mib": 1}, 400, "needs at least"),
            ({"name": "two", "image": hello, "forwards": [{"guest_port": 80}]}, 400, "no network card"),
            ({"name": "t w", "image": image}, 400, "body.name"),
            ({"name": "two", "image": image, "forwards": [{"guest_port": 0}]}, 400, "body.forwards[0].guest_port"),
            ({"name": "two", "image": image, "arguments": ["a b"]}, 400, "argument 1 of the application"),
            ({"name": "two", "image": image, "colour": 1}, 400, "colour")):
        refused = client.service.post_json("/v1/instances", body)
        assert (refused.status, reason in refused.error["detail"]) == (status, True), refused.body
    assert [one["name"] for one in client.service.get("/v1/instances").json["instances"]] == ["shop"]
    assert client.put("shop").error["detail"].endswith("must have pinned, image or both")
    assert client.put("shop", image=hello).status == 400 and answers(shop) == b"hello"
    assert client.service.get("/v1/instances/two").status == 404


def test_options_of_the_foreground_are_refused(client, images):
    for words in (("--local",), ("--bridge", "br0"), ("--console", "file")):
        refused = client("run", images["web"], "--detach", *words)
        assert refused.code == 2 and f"{words[0]} has no place beside --detach" in refused.error
