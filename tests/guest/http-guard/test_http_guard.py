# SPDX-License-Identifier: Apache-2.0
"""http-guard before an unchanged server (examples/hello-web), on the wire."""

import pathlib
import select
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
# pylint: disable=wrong-import-position
import images  # noqa: E402
import machine as machines  # noqa: E402
from wire import Connection, ask, basic, chunked, get, post, receipt  # noqa: E402

HEAD_TIMEOUT = 3   # seconds
STAFF = basic('staff', 'right one')
WRONG = basic('staff', 'wrong one')
ROBOT = 'Authorization: Bearer to.ken=='
SECRET = b'Only the staff'  # in the page of /private
IMAGE = {
    'modules': ['posix-sockets', 'dhcp', 'console', 'http-guard'],
    'application': ['server.cc'],
    'configuration': {'http-guard': {
        'realm': 'staff',
        'credentials': [
            {'name': 'staff', 'kind': 'basic', 'user': 'staff', 'secret': {'plain': 'right one'}},
            {'name': 'robot', 'kind': 'bearer', 'secret': {'plain': 'to.ken=='}},
        ],
        'resources': [{'path': '/private', 'accept': ['staff', 'robot']}],
        'head_timeout': HEAD_TIMEOUT,
        'audit': True,
    }},
}


@pytest.fixture(scope='module')
def guest(tmp_path_factory):
    work = tmp_path_factory.mktemp('http-guard')
    image = images.build(images.ROOT / 'examples/hello-web', IMAGE, work)
    case = {'memory_mib': 32, 'command_line': f'-- {machines.GUEST_PORT}'}
    with machines.Machine(image, work, case, 'pc', network=True) as running:
        assert running.get('/', 60) == 200
        yield running


@pytest.fixture(name='port')
def fixture_port(guest):
    yield guest.port
    assert ask(guest.port, get('/')).status == 200, '\n'.join(guest.console())
    assert not [line for line in guest.console() if 'panic' in line]


def test_says_at_start_what_it_guards(guest):
    assert 'u0: http-guard: 1 resources, 2 credentials, unlisted allowed' in guest.console()


def test_answers_by_credentials(port):
    assert ask(port, get('/')).status == 200
    anonymous = ask(port, get('/private'))
    assert anonymous.status == 401
    assert anonymous.fields['www-authenticate'] == ['Basic realm="staff", charset="UTF-8"', 'Bearer realm="staff"']
    assert ask(port, get('/private', WRONG)).status == 403
    for right in (STAFF, ROBOT):
        allowed = ask(port, get('/private', right))
        assert allowed.status == 200
        assert SECRET in allowed.content
    assert ask(port, get('/private', 'Authorization: Bearer other')).status == 403


def test_refused_head_has_no_content(port):
    with Connection(port) as connection:
        assert connection.exchange(get('/private', method='HEAD')).status == 401
        assert connection.exchange(get('/', method='HEAD')).status in (200, 405)
        assert connection.input == b''


def test_connection_goes_on_after_a_refusal(port):
    with Connection(port) as connection:
        for request, status in ((get('/private'), 401), (get('/private', WRONG), 403), (get('/'), 200),
                                (get('/private', STAFF), 200), (get('/private', STAFF), 200),
                                (post('/private', b'x' * 5000), 401), (get('/private', ROBOT), 200)):
            assert connection.exchange(request).status == status


def test_pipelined_refusals_come_in_order(port):
    requests = [(get('/'), 200), (get('/private'), 401), (get('/private', STAFF), 200), (get('/private', WRONG), 403),
                (get('/'), 200), (get('/private'), 401), (get('/private'), 401), (get('/'), 200)] * 4
    with Connection(port) as connection:
        connection.send(b''.join(request for request, _ in requests[:16]))
        assert [connection.answer().status for _ in requests[:16]] == [status for _, status in requests[:16]]


def test_bytes_one_by_one(port):
    with Connection(port) as connection:
        for request, status in ((get('/private', STAFF), 200), (get('/private'), 401)):
            for i in range(len(request)):
                connection.send(request[i:i + 1])
            assert connection.answer().status == status


@pytest.mark.parametrize('encode', [post, chunked])
@pytest.mark.parametrize('size', [0, 1, 1000, 300_000])
def test_uploads_arrive_whole(port, encode, size):
    content = bytes(i * 7 % 251 for i in range(size))
    answer = ask(port, encode('/upload', content))
    assert answer.status == 200
    assert receipt(content) in answer.content


def test_large_answers_come_whole(port):
    with Connection(port) as connection:
        for _ in range(2):
            assert len(connection.exchange(get('/large')).content) == 1 << 20
        assert connection.exchange(get('/private')).status == 401


@pytest.mark.parametrize('path', [
    '//private', '/./private', '/x/../private', '/%70rivate', '/private/', '/private/x', '/private?x', '/PRIVATE',
    '/%2570rivate', '/private;x', '/x/%2e%2e/private', '/x/..;/private', 'http://guest/private', '/private%3f',
    '/private%20'])
def test_other_spellings_are_protected(port, path):
    assert ask(port, get(path)).status == 401


@pytest.mark.parametrize('path', ['/x%2f..%2fprivate', '/private%00', '/x\\..\\private', '/private#x',
                                  '/%c0%ae/private', 'private', 'ftp://guest/private', 'http://other/private',
                                  '/private%', '/private\x0b'])
def test_ambiguous_targets_are_refused(port, path):
    assert ask(port, get(path)).status == 400


INNER = get('/private')


@pytest.mark.parametrize('request_bytes', [
    get('/upload', 'Content-Length: 5', f'Content-Length: {len(INNER)}', method='POST') + INNER,
    get('/upload', f'Content-Length: {len(INNER)}', 'Transfer-Encoding: chunked', method='POST') + b'0\r\n\r\n' + INNER,
    get('/upload', 'Transfer-Encoding: xchunked', method='POST') + INNER,
    get('/upload', 'Transfer-Encoding: chunked, identity', method='POST') + INNER,
    get('/upload', 'Transfer-Encoding:\x0bchunked', method='POST') + b'0\r\n\r\n' + INNER,
    get('/upload', 'Transfer-Encoding : chunked', method='POST') + b'0\r\n\r\n' + INNER,
    get('/upload', 'X: y', ' Transfer-Encoding: chunked', method='POST') + b'0\r\n\r\n' + INNER,
    get('/upload', 'Content-Length: +5', method='POST') + INNER,
    get('/upload', 'Content_Length: 5', method='POST') + INNER,
    get('/', f'Content-Length: {len(INNER)}') + INNER,
    b'POST /upload HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n' + INNER,
    b'GET / HTTP/1.1\nHost: guest\n\n' + INNER,
    b'GET / HTTP/1.1\r\nHost: guest\r\nX: y\rGET /private HTTP/1.1\r\n\r\n' + INNER,
    b'GET / HTTP/1.1\r\n\r\n' + INNER,
    b'GET / HTTP/1.1\r\nHost: guest\r\nHost: other\r\n\r\n' + INNER,
    b'GET /\r\n\r\n' + INNER,
])
def test_smuggling_ends_the_connection(port, request_bytes):
    with Connection(port) as connection:
        answer = connection.exchange(request_bytes)
        assert answer.status == 400
        assert answer.fields['connection'] == ['close']
        assert connection.rest() == b''


@pytest.mark.parametrize('request_bytes', [
    post('/upload', INNER), chunked('/upload', INNER), post('/', INNER), post('/nothing', INNER),
    get('/', 'Upgrade: h2c', 'Connection: Upgrade') + INNER,
    chunked('/upload', b'x')[:-3] + b'0\r\n\r\n' + INNER, get('/upload', 'Transfer-Encoding: chunked', method='POST') +
    b'5\r\nhelloGET /private HTTP/1.1\r\n\r\n' + INNER])
def test_content_is_no_request(port, request_bytes):
    with Connection(port) as connection:
        connection.send(request_bytes)
        connection.socket.shutdown(1)
        assert SECRET not in connection.rest()


def test_oversized_heads_are_refused(port):
    assert ask(port, b'GET /' + b'a' * 9000).status == 414
    assert ask(port, b'GET / HTTP/1.1\r\nHost: guest\r\nX: ' + b'a' * 9000).status == 431


def test_other_protocols_are_refused(port):
    assert ask(port, b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n').status == 505
    assert ask(port, b'\x16\x03\x01\x02\x00\x01\x00\x01').status == 400
    assert ask(port, get('guest:443', method='CONNECT')).status == 501


def test_half_a_request_times_out(port):
    begin = time.monotonic()
    with Connection(port) as half, Connection(port) as silent:
        half.send(b'GET / HTTP/1.1\r\n')
        assert half.answer().status == 408
        assert half.rest() == b''
        assert silent.rest() == b''
    assert HEAD_TIMEOUT - 1 <= time.monotonic() - begin < HEAD_TIMEOUT + 10


def test_a_flood_of_half_requests_passes(guest, port):
    flood = []
    try:
        for _ in range(300):
            time.sleep(0.01)  # QEMU's own listening socket has a short queue, and then the host waits a second
            flood.append(Connection(guest.port))
            flood[-1].send(b'GET /private HTTP/1.1\r\nX: ')
        deadline = time.monotonic() + HEAD_TIMEOUT + 30
        while True:
            try:
                if ask(port, get('/')) is not None:
                    break
            except OSError:
                pass
            assert time.monotonic() < deadline, '\n'.join(guest.console())
        for connection in flood:
            assert SECRET not in connection.rest()
    finally:
        for connection in flood:
            connection.socket.close()


def test_guessing_does_not_stop_others(port):
    """Told by the order of the answers and not by a clock: the open page overtakes guesses that came before it."""
    guesses = []
    try:
        for _ in range(60):
            guesses.append(Connection(port))
            assert guesses[-1].exchange(get('/')).status == 200
        with Connection(port) as other:
            assert other.exchange(get('/')).status == 200
            for i, connection in enumerate(guesses):
                connection.send(get('/private', basic('staff', f'guess {i}')))
            assert other.exchange(get('/')).status == 200
            answered, _, _ = select.select([connection.socket for connection in guesses], [], [], 0)
        assert len(answered) < len(guesses)
        assert {connection.answer().status for connection in guesses} <= {403, 503}
    finally:
        for connection in guesses:
            connection.socket.close()


def test_guessing_on_one_connection_ends_it(port):
    with Connection(port) as connection:
        statuses = []
        while (answer := connection.exchange(get('/private', basic('staff', f'guess {len(statuses)}')))) is not None:
            statuses.append(answer.status)
            if 'connection' in answer.fields:
                break
        assert statuses == [403] * 5
        assert connection.rest() == b''


def test_audit_names_refusals_and_no_secrets(guest):
    ask(guest.port, get('/private?query', WRONG))
    time.sleep(1.1)  # a new second has lines again
    ask(guest.port, get('/private?query', WRONG))
    ask(guest.port, get('http://staff:pass.word@guest/private'))
    ask(guest.port, get('/upload', 'Transfer-Encoding: chunked', method='POST') + b'of.the.body')
    console = '\n'.join(guest.console())
    assert 'u0: http-guard: 403 Forbidden for "GET /private"' in console
    assert 'u0: http-guard: 400 Bad Request for "GET"' in console
    assert 'u0: http-guard: 400 Bad Request for ""' in console
    assert not [secret for secret in ('query', 'pass.word', 'of.the.body') if secret in console]
    assert WRONG.split()[-1] not in console
