# SPDX-License-Identifier: Apache-2.0
"""Builds as resources: their life, their events, limits, and being killed at any moment."""

import hashlib
import http.client
import json
import socket
import threading
import time

import pytest

from service_process import wait_until

END_STATES = ["rejected", "unresolvable", "compile-failed", "link-failed", "verification-failed", "boot-failed",
              "timed-out", "log-limit", "disk-full", "cancelled", "failed"]


def test_builds_an_image(service):
    answer = service.submit("hello", lines=2)
    assert answer.status == 202
    build_id = answer.json["id"]
    assert answer.headers["Location"] == "/v1/builds/" + build_id
    assert answer.json["state"] == "queued"
    build = service.wait_for(build_id)
    assert build["state"] == "succeeded", build
    assert [phase["phase"] for phase in build["phases"]] == ["plan", "compile", "store"]
    assert build["objects"] == {"compiled": 1, "cached": 0}
    assert service.get("/v1/images/" + build["image"]).json["build"] == build_id
    assert list((service.state / "work").iterdir()) == []


def test_events_tell_the_story_in_order(service):
    build_id = service.submit("story", lines=3).json["id"]
    events = service.events(build_id)
    assert [event["n"] for event in events] == list(range(1, len(events) + 1))
    assert [event["kind"] for event in events] == ["phase", "phase", "log", "log", "log", "phase", "end"]
    assert [event["phase"] for event in events][-2:] == ["store", "store"]
    assert events[-1]["state"] == "succeeded"
    assert events[-1]["image"] == service.build(build_id)["image"]
    assert service.events(build_id, "?from=6") == events[5:]
    assert service.events(build_id, "?from=0") == events
    assert service.events(build_id, "?from=1000") == []


@pytest.mark.parametrize("value", ["x", "-1", "", "1.5"])
def test_refuses_a_bad_from(service, value):
    build_id = service.submit("story").json["id"]
    answer = service.get(f"/v1/builds/{build_id}/events?from={value}")
    assert (answer.status, answer.error["detail"]) == (400, f"from: '{value}' is not the number of an event")


def test_events_arrive_while_the_build_runs(service):
    build_id = service.submit("live", lines=1, sleep_ms=1500).json["id"]
    connection = service.connect()
    connection.request("GET", f"/v1/builds/{build_id}/events")
    response = connection.getresponse()
    assert response.headers["Content-Type"] == "application/x-ndjson"
    first = json.loads(response.readline())
    assert first["kind"] == "phase"
    assert service.build(build_id)["state"] == "running"
    assert [json.loads(line)["kind"] for line in response if line.strip()][-1] == "end"
    connection.close()


def test_a_broken_stream_resumes_where_it_broke(service):
    build_id = service.submit("resumed", lines=5, sleep_ms=800).json["id"]
    connection = service.connect()
    connection.request("GET", f"/v1/builds/{build_id}/events")
    response = connection.getresponse()
    seen = [json.loads(response.readline()) for _ in range(3)]
    connection.close()
    seen += service.events(build_id, f"?from={seen[-1]['n'] + 1}")
    assert [event["n"] for event in seen] == list(range(1, len(seen) + 1))
    assert seen[-1]["kind"] == "end"


def test_a_quiet_stream_has_a_heartbeat(service):
    build_id = service.submit("quiet", sleep_ms=12_000).json["id"]
    connection = service.connect(timeout=15)
    connection.request("GET", f"/v1/builds/{build_id}/events")
    lines = []
    for line in connection.getresponse():
        lines.append(line)
        if line == b"\n":
            break
    assert lines[-1] == b"\n" and len(lines) == 3
    connection.close()
    service.request("DELETE", "/v1/builds/" + build_id)
    assert service.wait_for(build_id)["state"] == "cancelled"


def test_limits_event_streams_and_notices_clients_that_left(start):
    service = start("--workers", "1")
    build_id = service.submit("watched", sleep_ms=60_000).json["id"]
    service.wait_for(build_id, "running")
    watchers = []
    for _ in range(32):
        watcher = socket.create_connection(("127.0.0.1", service.port), timeout=20)
        watcher.sendall(f"GET /v1/builds/{build_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert watcher.recv(12) == b"HTTP/1.1 200"
        watchers.append(watcher)
    answer = service.get(f"/v1/builds/{build_id}/events")
    assert (answer.status, answer.error["code"]) == (503, "event-streams.too-many")
    assert service.get("/healthcheck").status == 200, "streams must not take the handlers' threads"
    for watcher in watchers:
        watcher.close()
    deadline = time.monotonic() + 40  # at most a few heartbeats
    while True:
        with socket.create_connection(("127.0.0.1", service.port), timeout=20) as watcher:
            watcher.sendall(f"GET /v1/builds/{build_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            if watcher.recv(12) == b"HTTP/1.1 200":
                break
        assert time.monotonic() < deadline
        time.sleep(0.5)
    service.request("DELETE", "/v1/builds/" + build_id)


def test_a_slow_reader_costs_no_memory_and_misses_nothing(start):
    service = start("--log-limit", "65536")
    build_id = service.submit("long", lines=2000, line_bytes=8000).json["id"]
    assert service.wait_for(build_id, seconds=60)["state"] == "succeeded"
    connection = service.connect(timeout=60)
    connection.request("GET", f"/v1/builds/{build_id}/events")
    time.sleep(2)
    status = open(f"/proc/{service.process.pid}/status").read()
    assert int(status.split("VmRSS:")[1].split()[0]) < 150 * 1024
    events = [json.loads(line) for line in connection.getresponse() if line.strip()]
    connection.close()
    assert [event["n"] for event in events] == list(range(1, 2005))
    assert events[-1]["kind"] == "end"


def test_the_same_request_gives_the_same_build(service):
    bundle = service.bundle()
    first = service.submit("same", bundle=bundle, sleep_ms=500)
    while_it_runs = service.submit("same", bundle=bundle, sleep_ms=500)
    build = service.wait_for(first.json["id"])
    after_it_ended = service.submit("same", bundle=bundle, sleep_ms=500)
    assert (first.status, while_it_runs.status, after_it_ended.status) == (202, 200, 200)
    assert first.json["id"] == while_it_runs.json["id"] == after_it_ended.json["id"]
    assert after_it_ended.headers["Location"] == "/v1/builds/" + first.json["id"]
    without_check = service.submit("same", bundle=bundle, sleep_ms=500, boot_check=False)
    assert without_check.status == 202
    service.wait_for(without_check.json["id"])
    assert service.request("DELETE", "/v1/images/" + build["image"]).status == 204
    assert service.submit("same", bundle=bundle, sleep_ms=500).status == 202


def test_a_failed_request_may_be_tried_again(service):
    bundle = service.bundle()
    first = service.submit("again", bundle=bundle, state="compile-failed")
    service.wait_for(first.json["id"])
    assert service.submit("again", bundle=bundle, state="compile-failed").status == 202


def test_concurrent_equal_requests_make_one_build(service):
    bundle = service.bundle()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(service.submit("race", bundle=bundle, sleep_ms=300)))
               for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer.json["id"] for answer in answers}) == 1
    assert sorted(answer.status for answer in answers) == [200] * 7 + [202]


@pytest.mark.parametrize("state", END_STATES)
def test_ends_in_typed_states(service, state):
    build_id = service.submit("ends-" + state, state=state, error="main.cc:1:5: error: expected ';'").json["id"]
    build = service.wait_for(build_id)
    assert build["state"] == state
    assert build["error"] == "main.cc:1:5: error: expected ';'"
    assert "image" not in build
    end = service.events(build_id)[-1]
    assert (end["kind"], end["state"], end["error"]) == ("end", state, build["error"])


@pytest.mark.parametrize("failure, status, code", [("invalid", 400, "spec.invalid"),
                                                   ("unresolvable", 409, "spec.unresolvable")])
def test_refuses_at_once_what_cannot_be_planned(service, failure, status, code):
    answer = service.submit("bad", digest=failure)
    assert (answer.status, answer.error["code"]) == (status, code)


def test_cancels_a_running_build(service):
    build_id = service.submit("cancelled", sleep_ms=60_000).json["id"]
    service.wait_for(build_id, "running")
    assert service.request("DELETE", "/v1/builds/" + build_id).status == 204
    build = service.wait_for(build_id, seconds=5)
    assert (build["state"], build["error"]) == ("cancelled", "cancelled during phase compile")
    assert service.request("DELETE", "/v1/builds/" + build_id).status == 204, "cancelling again is no error"
    assert list((service.state / "work").iterdir()) == []


def test_cancels_a_queued_build_and_limits_the_queue(start):
    service = start("--workers", "1", "--queue", "2")
    running = service.submit("first", sleep_ms=60_000).json["id"]
    service.wait_for(running, "running")
    waiting = [service.submit(f"waits-{n}").json["id"] for n in range(2)]
    refused = service.submit("too-many")
    assert (refused.status, refused.error["code"]) == (503, "builds.unavailable")
    assert refused.error["detail"].startswith("2 builds wait already, the maximum is 2 (queue)")
    assert int(refused.headers["Retry-After"]) > 0
    assert service.request("DELETE", "/v1/builds/" + waiting[0]).status == 204
    build = service.build(waiting[0])
    assert (build["state"], build["attempts"]) == ("cancelled", 0)
    assert service.submit("fits-now").status == 202
    service.request("DELETE", "/v1/builds/" + running)
    assert service.wait_for(waiting[1])["state"] == "succeeded"


def test_limits_the_source_that_a_project_sends_and_has_nothing_built_of(start):
    service = start("--project-bundles", "64")

    def send(byte):
        return service.request("POST", "/v1/bundles", byte * (40 << 20), {"Content-Type": "application/x-tar"})

    first = send(b"a").json["digest"]
    refused = send(b"b")
    assert (refused.status, refused.error["code"]) == (429, "bundles.too-many")
    assert "the maximum is 67108864 (project-bundles)" in refused.error["detail"]
    assert int(refused.headers["Retry-After"]) > 0
    assert service.wait_for(service.submit("web", bundle=first).json["id"])["state"] == "succeeded"
    assert send(b"b").status == 201, "the first is the source of a line now"


def test_stops_a_build_that_takes_too_long(start):
    service = start("--build-time-limit", "1")
    build = service.wait_for(service.submit("slow", sleep_ms=60_000).json["id"])
    assert (build["state"], build["error"]) == (
        "timed-out", "stopped during phase compile: it took longer than 1 s (build-time-limit)")


def test_stops_a_build_that_says_too_much(start):
    service = start("--log-limit", "4")
    build_id = service.submit("chatty", lines=100_000, line_bytes=100, sleep_ms=5000).json["id"]
    build = service.wait_for(build_id)
    assert (build["state"], build["error"]) == (
        "log-limit", "stopped during phase compile: it wrote more than 4096 bytes of progress (log-limit)")
    assert sum(len(event["text"]) for event in service.events(build_id)) < 5000


def test_lists_builds_newest_first_in_pages(start):
    service = start()
    ids = [service.submit(f"build-{n}").json["id"] for n in range(5)]
    ids.reverse()
    page = service.get("/v1/builds?limit=2").json["builds"]
    assert [build["id"] for build in page] == ids[:2]
    page = service.get(f"/v1/builds?limit=10&marker={ids[1]}").json["builds"]
    assert [build["id"] for build in page] == ids[2:]


def test_forgets_the_oldest_builds_but_never_those_on_their_way(start):
    service = start("--keep-builds", "3", "--workers", "1")
    running = service.submit("stays", sleep_ms=60_000).json["id"]
    service.wait_for(running, "running")
    queued = [service.submit(f"waits-{n}").json["id"] for n in range(5)]
    service.request("DELETE", "/v1/builds/" + running)
    for build_id in queued:
        service.wait_for(build_id)
    service.submit("one-more")
    assert service.get("/v1/builds/" + running).status == 404
    assert service.get("/v1/builds/" + queued[-1]).status == 200


def test_unknown_builds_are_not_found(service):
    for method, path in [("GET", ""), ("DELETE", ""), ("GET", "/events")]:
        answer = service.request(method, "/v1/builds/nobody" + path)
        assert (answer.status, answer.error["detail"]) == (404, "no build nobody is known here")


def test_seals_secrets_before_anything_is_stored(start):
    service = start("--log-level", "debug")
    secret = "correct-horse-battery"
    requirement = {"name": "staff-only", "applies_to": {"everything": True}, "modules": {"http-guard": {
        "credentials": [{"name": "staff", "kind": "basic", "user": "u", "secret": {"plain": secret}}]}}}
    answer = service.submit("secret", requirements=[requirement])
    assert answer.status == 202
    service.wait_for(answer.json["id"])
    assert service.submit("secret", bundle=answer.json["bundle"], requirements=[requirement]).status == 200
    service.stop()
    for path in service.folder.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path


def test_a_builds_error_forges_no_line_of_the_log(start):
    service = start()
    error = "bad file \r2026-01-01T00:00:00.000Z info forged \x1b[2J"
    build = service.wait_for(service.submit("forger", state="compile-failed", error=error).json["id"])
    assert build["error"] == error
    log = service.log_file.read_bytes()
    assert b"bad file ?2026-01-01T00:00:00.000Z info forged ?[2J" in log
    assert b"\r" not in log and b"\x1b" not in log


def test_a_killed_service_builds_what_was_queued_and_running(start):
    service = start("--workers", "1")
    running = service.submit("runs", sleep_ms=3000).json["id"]
    service.wait_for(running, "running")
    queued = service.submit("waits").json["id"]
    wait_until(lambda: list((service.state / "work").glob("*/half-written")))
    service.kill()
    service.start()
    assert service.get("/v1/images").json["images"] == []
    for build_id, attempts in ((running, 2), (queued, 1)):
        build = service.wait_for(build_id)
        assert (build["state"], build["attempts"]) == ("succeeded", attempts)
    warnings = [event for event in service.events(running) if event["kind"] == "warning"]
    assert [event["text"] for event in warnings] == [
        "the service was stopped during phase compile; it was started again automatically"]
    assert list((service.state / "work").iterdir()) == []


def test_a_build_that_keeps_killing_the_service_fails(start):
    service = start("--workers", "1")
    build_id = service.submit("killer", sleep_ms=60_000).json["id"]
    for _ in range(3):
        service.wait_for(build_id, "running")
        wait_until(lambda: service.build(build_id)["phase"] == "compile")
        service.kill()
        service.start()
    build = service.build(build_id)
    assert build["state"] == "failed"
    assert build["error"].startswith("the service was stopped during phase compile, and 3 attempts ended so")


@pytest.mark.parametrize("moment", range(12))
def test_killed_at_any_moment_nothing_half_written_is_visible(start, moment):
    service = start("--workers", "2")
    bundle = service.bundle()
    ids = []

    def submit():
        for n in range(30):
            try:
                ids.append(service.submit(f"app-{n}", bundle=bundle, image_bytes=200_000, lines=3).json["id"])
            except (OSError, ValueError, http.client.HTTPException):  # killed in the middle of an answer
                return

    client = threading.Thread(target=submit)
    client.start()
    time.sleep(0.05 + moment * 0.02)
    service.kill()
    client.join()
    (service.state / "incoming" / "incoming.rest").write_bytes(b"half")
    service.start()
    for build_id in ids:  # whatever was answered with 202 is known and ends well
        assert service.wait_for(build_id)["state"] == "succeeded"
    for image in service.get("/v1/images").json["images"]:
        data = service.get(f"/v1/images/{image['digest']}/file").body
        assert image["digest"] == "sha256:" + hashlib.sha256(data).hexdigest()
        assert len(data) == image["bytes"]
    assert list((service.state / "incoming").iterdir()) == []
    assert all(len(name.stem) == 64 for name in (service.state / "images").iterdir())


def test_sigterm_lets_builds_end(start):
    service = start()
    build_id = service.submit("ends", sleep_ms=800).json["id"]
    service.wait_for(build_id, "running")
    assert service.stop() == 0
    service.start()
    build = service.build(build_id)
    assert (build["state"], build["attempts"]) == ("succeeded", 1)


def test_sigterm_is_bounded_and_the_build_goes_on_after_the_next_start(start):
    service = start("--drain-time", "1", "--workers", "1")
    build_id = service.submit("long", sleep_ms=4000).json["id"]
    service.wait_for(build_id, "running")
    stream = socket.create_connection(("127.0.0.1", service.port), timeout=20)
    stream.sendall(f"GET /v1/builds/{build_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    begun = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - begun < 10
    text = b""
    while piece := stream.recv(65536):
        text += piece
    stream.close()
    assert text.endswith(b"0\r\n\r\n"), "the stream ends properly"
    service.start()
    assert service.wait_for(build_id)["state"] == "succeeded"


def begin_draining(service):
    service.process.terminate()
    wait_until(lambda: service.get("/healthcheck").status == 503)
    assert service.get("/healthcheck").error["code"] == "health.draining"


def test_while_it_drains_it_says_so_and_takes_nothing(start):
    service = start("--workers", "1")
    build_id = service.submit("ends", sleep_ms=5000).json["id"]
    service.wait_for(build_id, "running")
    queued = service.submit("later").json["id"]
    begin_draining(service)
    refused = service.submit("new", bundle=service.bundle())
    assert (refused.status, refused.error["code"]) == (503, "builds.unavailable")
    assert service.process.wait(timeout=20) == 0
    service.start()
    assert service.wait_for(queued)["state"] == "succeeded"


def test_a_second_signal_cuts_the_draining_short(start):
    service = start("--drain-time", "60")
    build_id = service.submit("long", sleep_ms=60_000).json["id"]
    service.wait_for(build_id, "running")
    begin_draining(service)
    begun = time.monotonic()
    service.process.terminate()
    assert service.process.wait(timeout=20) == 0
    assert time.monotonic() - begun < 5


def test_children_of_the_service_do_not_inherit_its_signal_handling(service):
    """Compilers and guests must stay killable by SIGTERM."""
    fields = dict(line.split(":\t") for line in open(f"/proc/{service.process.pid}/status").read().splitlines()
                  if ":\t" in line)
    assert int(fields["SigBlk"], 16) == 0
    assert int(fields["SigIgn"], 16) & (1 << 14) == 0  # SIGTERM
