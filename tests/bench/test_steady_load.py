# SPDX-License-Identifier: Apache-2.0
"""steady_load sees what wrk does not: mute servers, stalls, connections that end."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from command import run
from steadiness import compile_load

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    return compile_load(tmp_path_factory.mktemp("load"))


@contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on a free port that gives each connection a thread."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve_quietly(client: socket.socket) -> None:
        with client:
            try:
                serve(client)
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve_quietly, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def observe(program: Path, port: int, connections: int, seconds: float) -> dict:
    return json.loads(run([program, "127.0.0.1", str(port), str(connections), str(seconds)], timeout=30))


def answer_all(client: socket.socket) -> None:
    while client.recv(4096):
        client.sendall(ANSWER)


def test_a_steady_server_has_no_fault(program):
    with server(answer_all) as port:
        seen = observe(program, port, 3, 0.5)
    assert (seen["errors"], seen["not_200"], seen["connected"]) == (0, 0, 3)
    assert seen["responses"] > 10 and seen["longest_gap"] < 0.5


def test_a_mute_server_is_noticed(program):
    with server(lambda client: time.sleep(2)) as port:
        seen = observe(program, port, 2, 0.5)
    assert (seen["responses"], seen["connected"]) == (0, 0)
    assert seen["longest_gap"] >= 0.5 and seen["longest_wait"] >= 0.4


def test_one_stuck_connection_among_others_is_noticed(program):
    first = threading.Lock()

    def serve(client: socket.socket) -> None:
        if first.acquire(blocking=False):
            client.recv(4096)
            time.sleep(2)
        answer_all(client)

    with server(serve) as port:
        seen = observe(program, port, 3, 0.8)
    assert seen["connected"] == 2 and seen["longest_wait"] >= 0.7 and seen["longest_gap"] < 0.7


def test_a_stall_of_the_whole_server_is_noticed(program):
    started = time.monotonic()

    def serve(client: socket.socket) -> None:
        while client.recv(4096):
            if 0.3 < time.monotonic() - started < 0.8:
                time.sleep(0.4)
            client.sendall(ANSWER)

    with server(serve) as port:
        seen = observe(program, port, 2, 1.5)
    assert seen["errors"] == 0 and seen["longest_gap"] >= 0.35


def test_a_server_that_closes_is_counted_and_tried_again(program):
    def serve(client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(ANSWER)

    with server(serve) as port:
        seen = observe(program, port, 1, 0.5)
    assert seen["responses"] > 1 and seen["errors"] >= 1


def test_answers_other_than_200_are_counted(program):
    def serve(client: socket.socket) -> None:
        while client.recv(4096):
            client.sendall(ANSWER.replace(b"200 OK", b"401 No"))

    with server(serve) as port:
        seen = observe(program, port, 1, 0.3)
    assert seen["not_200"] == seen["responses"] > 0
