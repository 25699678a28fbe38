# SPDX-License-Identifier: Apache-2.0
"""What peers send and nobody reads must not keep the machine from serving others."""

import pathlib
import socket
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
# pylint: disable=wrong-import-position
import images  # noqa: E402
import machine as machines  # noqa: E402

HERE = pathlib.Path(__file__).parent
PATIENCE = 30   # seconds, for a busy host
TEST = {'modules': ['posix-sockets', 'dhcp'], 'application': ['main.cc']}


@pytest.fixture(scope='module', name='image')
def fixture_image(tmp_path_factory):
    return images.build(HERE, TEST, tmp_path_factory.mktemp('load'))


class Guest(machines.Machine):
    """With a port whose input nobody reads, beside the one that is served."""

    def __init__(self, image, work, memory_mib, arguments=''):
        self.served, self.left_lying = machines.free_port(), machines.free_port()
        forwards = (f'hostfwd=tcp:127.0.0.1:{self.served}-:8080,hostfwd=tcp:127.0.0.1:{self.left_lying}-:8081,'
                    f'hostfwd=udp:127.0.0.1:{self.left_lying}-:8081')
        case = {'memory_mib': memory_mib, 'command_line': f'-- {arguments}',
                'qemu': ['-netdev', f'user,id=n,{forwards}', '-device', 'virtio-net-pci,netdev=n,romfile=']}
        super().__init__(image, work, case, 'pc', network=False)

    def answers(self, seconds, question=b'question'):
        """Whether a new connection is served."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(('127.0.0.1', self.served), timeout=5) as connection:
                    connection.sendall(question)
                    answer = b''
                    while len(answer) < len(question) and (more := connection.recv(1 << 16)):
                        answer += more
                    if answer == question:
                        return True
            except OSError:
                pass
            assert self.process.poll() is None, 'it ended:\n' + '\n'.join(self.console())
            time.sleep(0.05)
        return False


def test_data_that_nobody_reads_leaves_the_card_its_buffers(image, tmp_path):
    """Connections that the application has not accepted, each with all that its window takes."""
    with Guest(image, tmp_path, 16) as guest:
        assert guest.answers(PATIENCE)
        connections = []
        for _ in range(64):
            connections.append(socket.create_connection(('127.0.0.1', guest.left_lying)))
            connections[-1].setblocking(False)
            connections[-1].send(bytes(1 << 16))
        time.sleep(2)   # until all of it is there
        assert guest.answers(PATIENCE), '\n'.join(guest.console())


def test_an_application_that_took_all_memory_is_still_heard(image, tmp_path):
    """Bytes in many segments come in and go out."""
    with Guest(image, tmp_path, 16, 'hoard') as guest:
        assert guest.answers(PATIENCE)
        question = bytes(i % 251 for i in range(30_000))
        assert all(guest.answers(PATIENCE, question) for _ in range(5)), '\n'.join(guest.console())
