# SPDX-License-Identifier: Apache-2.0
"""From a bundle in a file to a verified artifact in a file, by the builder; knows nothing of Glance."""
import contextlib
import dataclasses
import hashlib
import logging
import os
import time

from unikernelclient import exceptions

LOG = logging.getLogger(__name__)

PAUSE = 1.0  # seconds between two questions
FIRST_PAUSE = 0.1
MESSAGE_BYTES = 2000  # of a message for people
LOG_LINES = 40  # of a tool, in such a message


class Failed(Exception):
    """There is no image; the text is for people."""


@dataclasses.dataclass(frozen=True)
class Built:
    """A finished artifact."""
    path: str
    digest: str
    size: int  # bytes
    build: str
    properties: dict  # Glance image properties that follow from it
    minimum_memory: int  # MiB


class Building:
    """One build.

    client: unikernelclient Client. timeout: seconds until the build is cancelled. patience: seconds to wait for a
    builder that is away. progress(text): called about once a second; what it raises cancels the build.
    """

    def __init__(self, client, timeout, patience, progress):
        self._client, self._timeout, self._patience, self._progress = client, timeout, patience, progress

    def run(self, bundle, target):
        """Builds the bundle in the file `bundle` and writes the artifact to the new file `target`; a Built.

        Raises Failed, or what `progress` raised; then the build is cancelled and there is no target.
        """
        try:
            with open(bundle, 'rb') as file:
                digest = self._patiently('sending the bundle', self._client.bundles.create, file)
            build = self._patiently('asking for a build', self._client.builds.create, digest)
            with self._cancelled_on_failure(build['id']):
                build = self._follow(build)
            if build['state'] != 'succeeded':
                raise Failed(self._explain(build))
            image = self._patiently('asking for the image', self._client.images.get, build['image'])
            size = self._patiently('fetching the image', self._fetch, image['digest'], target)
        except exceptions.UnikernelClientError as error:
            raise Failed(shorten(str(error))) from error
        return Built(path=target, digest=image['digest'], size=size, build=build['id'],
                     properties=dict(image['properties']), minimum_memory=image['min_ram'])

    def _follow(self, build):
        """Waits for the end of the build."""
        end = time.monotonic() + self._timeout
        pause = FIRST_PAUSE
        while build['state'] in ('queued', 'running'):
            if time.monotonic() >= end:
                raise Failed(f"build {build['id']} has not ended within {self._timeout} s (build_timeout)")
            doing = build.get('phase') if build['state'] == 'running' else None
            self._progress(f"{doing or build['state']}, build {build['id']}")
            time.sleep(pause)
            pause = min(pause * 1.5, PAUSE)
            build = self._patiently(f"following build {build['id']}", self._client.builds.get, build['id'])
        return build

    def _fetch(self, digest, target):
        """Downloads to the file and answers its size; what does not have the digest does not stay."""
        content = hashlib.sha256()
        blocks, size = self._client.images.data(digest)
        try:
            with contextlib.closing(blocks), open(target, 'wb') as file:
                for block in blocks:
                    content.update(block)
                    file.write(block)
            if f'sha256:{content.hexdigest()}' != digest:
                raise Failed(f'the builder sent other bytes than those of {digest}: see to its disk and the network')
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.remove(target)
            raise
        return size

    def _patiently(self, what, call, *arguments):
        """Calls again while the builder is away, for `patience` seconds."""
        end = time.monotonic() + self._patience
        while True:
            try:
                return call(*arguments)
            except exceptions.Unavailable as error:
                if time.monotonic() >= end:
                    raise
                LOG.warning('%s: %s; trying again', what, error)
                self._progress(f'{what}: waiting for the builder')
                time.sleep(min(error.retry_after or PAUSE, max(end - time.monotonic(), 0)))

    @contextlib.contextmanager
    def _cancelled_on_failure(self, build_id):
        try:
            yield
        except BaseException:
            try:
                self._client.builds.cancel(build_id)
            except Exception as error:  # it is the first failure that counts
                LOG.warning('build %s could not be cancelled: %s', build_id, error)
            raise

    def _explain(self, build):
        """Why a build ended without an image, with the words of the tool that refused it."""
        text = f"build {build['id']} ended {build['state']}: {build.get('error') or 'no reason was given'}"
        lines = []
        try:
            lines = [event['text'] for event in self._client.builds.events(build['id']) if event['kind'] == 'log']
        except exceptions.UnikernelClientError as error:
            LOG.warning('no log of build %s: %s', build['id'], error)
        missing = [line for line in lines[-LOG_LINES:] if line not in text]
        return shorten('\n'.join([text, *missing]))


def shorten(text):
    """At most MESSAGE_BYTES of printable text: the beginning, where the reason stands."""
    printable = ''.join(letter if letter.isprintable() or letter == '\n' else '?' for letter in text)
    encoded = printable.encode()
    if len(encoded) <= MESSAGE_BYTES:
        return printable
    return encoded[:MESSAGE_BYTES - 4].decode(errors='ignore') + ' ...'
