# SPDX-License-Identifier: Apache-2.0
"""Bytes on a TCP connection: what no HTTP library would send, and answers read one by one."""

import base64
import socket
import zlib
from dataclasses import dataclass


def get(path: str, *fields: str, method: str = 'GET') -> bytes:
    return '\r\n'.join([f'{method} {path} HTTP/1.1', 'Host: guest', *fields, '', '']).encode('latin-1')


def basic(user: str, password: str) -> str:
    return 'Authorization: Basic ' + base64.b64encode(f'{user}:{password}'.encode()).decode()


def post(path: str, content: bytes, *fields: str) -> bytes:
    return get(path, f'Content-Length: {len(content)}', *fields, method='POST') + content


def chunked(path: str, content: bytes, *fields: str, size: int = 1000) -> bytes:
    parts = [content[i:i + size] for i in range(0, len(content), size)] + [b'']
    body = b''.join(b'%x\r\n%s\r\n' % (len(part), part) for part in parts)
    return get(path, 'Transfer-Encoding: chunked', *fields, method='POST') + body


def receipt(content: bytes) -> bytes:
    """What the server answers to an upload."""
    return f'{len(content)} bytes, Adler-32 {zlib.adler32(content)}'.encode()


@dataclass
class Answer:
    status: int
    fields: dict[str, list[str]]
    content: bytes


class Connection:
    """One TCP connection to the guest."""

    def __init__(self, port: int, timeout: float = 30):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = b''

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def _more(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self.input += data
        return bool(data)

    def answer(self, to_head: bool = False) -> Answer | None:
        """The next one; None when the connection ends before it."""
        while b'\r\n\r\n' not in self.input:
            if not self._more():
                return None
        head, self.input = self.input.split(b'\r\n\r\n', 1)
        lines = head.decode('latin-1').split('\r\n')
        fields: dict[str, list[str]] = {}
        for line in lines[1:]:
            name, value = line.split(':', 1)
            fields.setdefault(name.lower(), []).append(value.strip())
        length = 0 if to_head else int(fields['content-length'][0])
        while len(self.input) < length:
            if not self._more():
                raise AssertionError(f'{len(self.input)} of {length} bytes came after {lines}')
        content, self.input = self.input[:length], self.input[length:]
        return Answer(int(lines[0].split()[1]), fields, content)

    def rest(self) -> bytes:
        """All that comes until the guest ends the connection."""
        while self._more():
            pass
        return self.input

    def exchange(self, request: bytes) -> Answer | None:
        self.send(request)
        return self.answer(to_head=request.startswith(b'HEAD '))


def ask(port: int, request: bytes) -> Answer | None:
    with Connection(port) as connection:
        return connection.exchange(request)
