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

    def __init__(self, image, work, memory_mib):
        self.served, self.left_lying = machines.free_port(), machines.free_port()
        forwards = (f'hostfwd=tcp:127.0.0.1:{self.served}-:8080,hostfwd=tcp:127.0.0.1:{self.left_lying}-:8081,'
                    f'hostfwd=udp:127.0.0.1:{self.left_lying}-:8081')
        case = {'memory_mib': memory_mib, 'qemu': ['-netdev', f'user,id=n,{forwards}',
                                                   '-device', 'virtio-net-pci,netdev=n,romfile=']}
        super().__init__(image, work, case, 'pc', network=False)

    def answers(self, seconds):
        """Whether a new connection is served."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(('127.0.0.1', self.served), timeout=5) as connection:
                    connection.sendall(b'question')
                    if connection.recv(100) == b'question':
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
