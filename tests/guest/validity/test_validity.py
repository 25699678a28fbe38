# SPDX-License-Identifier: Apache-2.0
"""Images that refuse to serve after their time. Where time has to pass it is the machine's own (-icount with
sleep=off: the processor's waiting takes no time), so nothing here depends on how fast the host is."""

import pathlib
import re
import socket
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
# pylint: disable=wrong-import-position
import images  # noqa: E402
import machine as machines  # noqa: E402

HERE = pathlib.Path(__file__).parent
NOT_AFTER = 1939363200   # 2031-06-16T08:00:00Z
VALID = 'u0: validity: this image is valid until 2031-06-16T08:00:00Z'
OVER = 'u0: validity: this image was valid until 2031-06-16T08:00:00Z; it refuses to serve'
BEFORE = '2031-06-16T07:56:30'   # three and a half minutes
FAST = ['-icount', 'shift=0,sleep=off', '-rtc', f'base={BEFORE},clock=vm']
PATIENCE = 60   # seconds, for a busy host


def build(tmp_path_factory, modules, application):
    test = {'modules': modules, 'configuration': {'validity': {'not_after': NOT_AFTER}},
            'application': application}
    return images.build(HERE, test, tmp_path_factory.mktemp('validity'))


@pytest.fixture(scope='module', name='image')
def fixture_image(tmp_path_factory):
    return build(tmp_path_factory, ['posix-sockets', 'dhcp', 'validity'], ['main.cc'])


@pytest.fixture(scope='module', name='image_without_network')
def fixture_image_without_network(tmp_path_factory):
    return build(tmp_path_factory, ['posix', 'validity'], ['main.cc'])


def start(image, tmp_path, qemu, mode='', network=False):
    case = {'memory_mib': 32, 'command_line': f'-- {mode}', 'qemu': qemu}
    return machines.Machine(image, tmp_path, case, 'pc', network)


def wait_for(guest, line):
    deadline = time.monotonic() + PATIENCE
    while line not in guest.console():
        assert guest.process.poll() is None, 'it ended:\n' + '\n'.join(guest.console())
        assert time.monotonic() < deadline, f'no line {line!r} in:\n' + '\n'.join(guest.console())
        time.sleep(0.02)
    return guest.console()


def connect(guest):
    """A connection over which the guest has answered."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection = socket.create_connection(('127.0.0.1', guest.port), timeout=5)
            connection.sendall(b'.')
            if connection.recv(1) == b'.':
                return connection
            connection.close()
        except OSError:
            pass
        assert time.monotonic() < deadline, '\n'.join(guest.console())
        time.sleep(0.05)


def is_refused(guest):
    try:
        with socket.create_connection(('127.0.0.1', guest.port), timeout=5) as connection:
            connection.sendall(b'.')
            return connection.recv(1) == b''   # QEMU's own end accepts, and closes when the guest refuses
    except ConnectionError:
        return True


@pytest.mark.parametrize('mode', ['watch', 'back'])
def test_serves_until_its_time_has_come(image_without_network, tmp_path, mode):
    """Also when the machine's clock is set back meanwhile."""
    with start(image_without_network, tmp_path, FAST, mode) as guest:
        lines = wait_for(guest, OVER)
    assert lines[-1] == OVER
    assert lines.index(VALID) < lines.index('u0: sealed') < lines.index(f'application: {mode}')
    assert [line for line in lines if line.startswith('minute')] == [f'minute {i}' for i in range(4)]
    assert lines.count(OVER) == 1


def test_a_program_that_never_waits_is_ended_too(image_without_network, tmp_path):
    slow_processor = ['-icount', 'shift=9', '-rtc', 'base=2031-06-16T07:59:30,clock=vm']   # 2 MHz
    with start(image_without_network, tmp_path, slow_processor, 'spin') as guest:
        lines = wait_for(guest, OVER)
    assert lines[-1] == OVER


def test_an_image_that_is_over_never_starts_its_application(image, tmp_path):
    with start(image, tmp_path, ['-rtc', 'base=2031-06-16T08:00:00'], network=True) as guest:
        lines = wait_for(guest, OVER)
        while not any(re.match(r'u0: net \d', line) for line in guest.console()):
            time.sleep(0.05)
        assert is_refused(guest)
        lines = guest.console()
    assert not [line for line in lines if line.startswith('application') or line == 'u0: sealed']
    assert lines.count(OVER) == 1


def test_a_clock_that_is_set_forward_ends_connections_and_refuses_new_ones(image, tmp_path):
    with start(image, tmp_path, ['-rtc', f'base={BEFORE}'], network=True) as guest:
        with connect(guest) as first:
            first.sendall(b'b')
            assert first.recv(1) == b'b'
            time.sleep(1.5)   # it has looked at the clock that was set back
            first.sendall(b'.')
            assert first.recv(1) == b'.'
            first.sendall(b'f')
            assert first.recv(1) == b'f'
            wait_for(guest, OVER)
            first.settimeout(PATIENCE)
            try:
                assert first.recv(1) == b''
            except ConnectionResetError:
                pass
        assert is_refused(guest)
        assert guest.console()[-1] == OVER
        assert guest.process.poll() is None


def test_an_image_that_is_over_can_be_switched_off(image_without_network, tmp_path):
    monitor = ['-monitor', f'unix:{tmp_path}/monitor,server=on,wait=off']
    with start(image_without_network, tmp_path, FAST + monitor, 'watch') as guest:
        wait_for(guest, OVER)
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(f'{tmp_path}/monitor')
            channel.sendall(b'system_powerdown\n')
            guest.wait(PATIENCE)
        assert guest.console()[-1] == 'u0: power button'


def test_an_image_without_the_module_holds_nothing_of_it(tmp_path_factory):
    image = images.build(HERE, {'modules': ['posix'], 'application': ['main.cc']}, tmp_path_factory.mktemp('plain'))
    assert b'refuses to serve' not in image.read_bytes()
