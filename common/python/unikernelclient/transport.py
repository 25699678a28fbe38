# SPDX-License-Identifier: Apache-2.0
"""HTTP to the builder service through keystoneauth1, with typed errors, uploads and streams."""

import contextlib
import urllib.parse

import keystoneauth1.adapter
import keystoneauth1.exceptions
import requests

from unikernelclient import exceptions

SERVICE_TYPE = "unikernel"
API_VERSION = "1.0"  # the microversion this client is written for
BLOCK_BYTES = 65536
CONNECT_SECONDS = 30
SILENCE_SECONDS = 60  # a quiet event stream sends an empty line every 10 s


class Transport:
    """Paths below the service's unversioned endpoint; every error is one of ``exceptions``."""

    def __init__(self, session, **options):
        """options: those of keystoneauth1.adapter.Adapter."""
        self._adapter = keystoneauth1.adapter.Adapter(
            session, service_type=SERVICE_TYPE, default_microversion=API_VERSION, client_name="unikernelclient",
            **options)

    def request(self, method, path, **arguments):
        """The response (``requests.Response``); its status is below 400."""
        arguments.setdefault("headers", {}).setdefault("Accept", "*/*")
        with _no_answer():
            response = self._adapter.request(path, method, raise_exc=False, **arguments)
        if response.status_code >= 400:
            raise exceptions.from_response(response)
        return response

    def json(self, method, path, **arguments):
        """The decoded body."""
        response = self.request(method, path, **arguments)
        try:
            return response.json()
        except ValueError as error:
            raise exceptions.Unavailable(0, "service.unknown", f"what answers at {response.url} is no builder service: "
                                         "it sent no JSON") from error

    def items(self, path, key, **params):
        """All items of a listing, page after page."""
        while True:
            page = self.json("GET", path, params=params)
            yield from page[key]
            following = [link["href"] for link in page.get("links", ()) if link["rel"] == "next"]
            if not following:
                return
            params = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(following[0]).query))

    def upload(self, path, file, size=None, **params):
        """POSTs the bytes of an open binary file; answers the decoded body. size: bytes, else up to its end. A file
        that can seek is where it was if the service was not available, so that the caller may try again."""
        body = _Upload(file, size)
        try:
            return self.json("POST", path, data=body if len(body) else b"", params=params,
                             headers={"Content-Type": "application/octet-stream"})
        except exceptions.Unavailable:
            body.rewind()
            raise

    def stream(self, path, params=None, headers=None):
        """A GET whose body is not read yet; the caller closes it."""
        return self.request("GET", path, stream=True, params=params or {}, headers=headers or {},
                            timeout=(CONNECT_SECONDS, SILENCE_SECONDS))

    def lines(self, path, params):
        """The lines of a live answer as they come, without those that are empty."""
        with contextlib.closing(self.stream(path, params)) as response, _no_answer():
            # A block of an unchunked body comes only when it is full.
            chunked = response.headers.get("Transfer-Encoding") == "chunked"
            rest = b""
            for block in response.iter_content(None if chunked else 1):
                *lines, rest = (rest + block).split(b"\n")
                yield from filter(None, lines)


class _Upload:
    """A file as a body of known length that can be sent again from its beginning (after a new token)."""

    def __init__(self, file, size):
        self._file = file
        # Without a size it has to be able to seek; with one it may lack even the question.
        seekable = size is None or getattr(file, "seekable", bool)()
        self._begin = file.tell() if seekable else None
        self._size = size if size is not None else file.seek(0, 2) - self._begin
        self._sent = False

    def __len__(self):
        return self._size

    def rewind(self):
        """Back to the beginning, if the file can; answers whether it did."""
        if self._begin is not None:
            self._file.seek(self._begin)
        return self._begin is not None

    def __iter__(self):
        if not self.rewind() and self._sent:
            raise exceptions.Unavailable(0, "upload.not-repeatable", "the upload broke off, and its source cannot be "
                                                                     "read again; start over")
        self._sent = True
        left = self._size
        while left:
            block = self._file.read(min(BLOCK_BYTES, left))
            if not block:
                raise exceptions.InvalidInput(f"the file to upload ended {left} bytes before its size of {self._size}")
            left -= len(block)
            yield block


@contextlib.contextmanager
def _no_answer():
    """Failures below HTTP as Unavailable, which says what to do."""
    try:
        yield
    except keystoneauth1.exceptions.EndpointNotFound as error:
        raise exceptions.Unavailable(
            0, "endpoint.not-found", f"the catalogue has no endpoint of type {SERVICE_TYPE} for this region and "
            "interface; see: openstack catalog list") from error
    except (keystoneauth1.exceptions.ConnectionError, requests.RequestException) as error:
        raise exceptions.Unavailable(0, "service.no-answer", f"the builder service does not answer: {error}; see "
                                     "whether it runs, and: openstack endpoint list --service unikernel") from error
    except keystoneauth1.exceptions.Unauthorized as error:
        raise exceptions.Unauthorized(401, "identity.unauthorized", f"Keystone refuses the credentials: {error}",
                                      error.request_id) from error
    except keystoneauth1.exceptions.ClientException as error:
        raise exceptions.Unavailable(0, "identity.unavailable", f"no token for the builder service: {error}") from error
