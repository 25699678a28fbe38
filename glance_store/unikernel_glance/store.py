# SPDX-License-Identifier: Apache-2.0
"""The store unikernel://: images are kept by the builder, found by the digest of their bytes.

A URI is unikernel://sha256/<64 hexadecimal digits>/<id of the Glance image>. It names no host: the builder is the
configured one. Whose image it is is asked of the builder each time, as the user of the request. The id is that of the
image for which the bytes were put there, and tells the builder for whom they may go. A location that somebody has
written himself has none, and takes nothing away.
"""
import contextlib
import hashlib
import logging
import re
import tempfile

import glance_store
from glance_store import capabilities
from glance_store import driver
from glance_store import exceptions
from glance_store import location
from keystoneauth1 import exceptions as keystone_exceptions
from oslo_config import cfg
from oslo_utils import units
from unikernelclient import exceptions as builder_exceptions

from unikernel_glance import builder
from unikernel_glance import options

LOG = logging.getLogger(__name__)

SCHEME = 'unikernel'
URI = re.compile(r'unikernel://sha256/([0-9a-f]{64})(?:/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}))?')
MAX_IMAGE = 256 * units.Mi  # bytes; the builder takes no larger one

OPTIONS = [
    cfg.StrOpt('unikernel_section', default=options.GROUP,
               help='The section of this configuration that says where the builder of this store is, and as whom to '
                    'call it where there is no user (endpoint_override, auth_type ...).'),
]


class NotAnArtifact(exceptions.Invalid, ValueError):
    """The data is no image the builder has sealed. A ValueError, since Glance answers that with 400 and the text."""


class BuilderUnavailable(exceptions.RemoteServiceUnavailable, exceptions.StorageWriteDenied):
    """The builder does not answer. Glance answers either base with 503."""


class StoreLocation(location.StoreLocation):
    """unikernel://sha256/<digest>/<holder>"""

    digest = None  # "sha256:..."
    holder = None  # the Glance image that has put the bytes there

    def process_specs(self):
        self.digest, self.holder = self.specs['digest'], self.specs.get('holder')

    def get_uri(self):
        return f'{SCHEME}://sha256/{self.digest[len("sha256:"):]}' + (f'/{self.holder}' if self.holder else '')

    def parse_uri(self, uri):
        match = URI.fullmatch(uri)
        if not match:
            raise exceptions.BadStoreUri(message=f'a location of this store is unikernel://sha256/ and 64 '
                                         f'hexadecimal digits, not {uri[:200]!r}')
        self.digest, self.holder = f'sha256:{match.group(1)}', match.group(2)


class Store(driver.Store):
    """Reads, adds and deletes images of the builder; stateless."""

    _CAPABILITIES = (capabilities.BitMasks.READ_RANDOM | capabilities.BitMasks.WRITE_ACCESS
                     | capabilities.BitMasks.DRIVER_REUSABLE)
    OPTIONS = OPTIONS

    def __init__(self, conf, backend=None):
        super().__init__(conf, backend)
        self._builder = None
        if backend:
            self._url_prefix = f'{SCHEME}://'

    def get_schemes(self):
        return (SCHEME,)

    @property
    def builder(self):
        if self._builder is None:
            group = self.backend_group or 'glance_store'
            self._builder = builder.Builder(self.conf, self.conf[group].unikernel_section)
        return self._builder

    def configure_add(self):
        """Raises BadStoreConfiguration if the builder's section cannot be used."""
        section = self.conf[self.backend_group or 'glance_store'].unikernel_section
        try:
            session, settings = self.builder.session(), self.builder.settings
        except (keystone_exceptions.ClientException, ValueError, OSError) as error:
            raise exceptions.BadStoreConfiguration(store_name=SCHEME, reason=f'section [{section}]: {error}') from error
        if session.auth is None and not settings.endpoint_override:
            raise exceptions.BadStoreConfiguration(
                store_name=SCHEME, reason=f'section [{section}] has neither endpoint_override nor auth_type: nothing '
                'says where the builder is')

    @capabilities.check
    def get(self, location, offset=0, chunk_size=None, context=None):
        """(blocks, bytes). The whole image's digest is checked before its last block is given out; a part's cannot be.

        chunk_size: bytes from `offset` on, else all that follow.
        """
        digest = location.store_location.digest
        with _translated(digest):
            blocks, total = self.builder.client(context).images.data(digest, offset=offset or 0)
        size = total - (offset or 0) if chunk_size is None else min(chunk_size, total - (offset or 0))
        blocks = _checked(blocks, digest) if size == total else _first(blocks, size)
        return _Blocks(_translating(blocks, digest), size), size

    def get_size(self, location, context=None):
        digest = location.store_location.digest
        with _translated(digest):
            return self.builder.client(context).images.get(digest)['bytes']

    @driver.back_compat_add
    @capabilities.check
    def add(self, image_id, image_file, image_size, hashing_algo, context=None, verifier=None):
        """Gives the builder an artifact, which it verifies; raises NotAnArtifact of anything else.

        image_size: bytes, or 0 or None if nobody knows; the builder wants to know, so it is counted in a file first.
        """
        with tempfile.TemporaryFile() as copy:
            taken = _Taken(hashing_algo, verifier)
            taken.copy(image_file, copy)
            if image_size and image_size != taken.size:
                raise NotAnArtifact(f'{image_size} bytes were announced, but {taken.size} came')
            copy.seek(0)
            with _translated(taken.digest):
                answer = self.builder.client(context).images.create(copy, taken.size, holder=image_id)
        if answer['digest'] != taken.digest:
            raise exceptions.BackendException(f"the builder stored {answer['digest']}, but was sent {taken.digest}")
        LOG.debug('image %s is %s in the builder', image_id, taken.digest)
        metadata = {'store': self.backend_group} if self.backend_group else {}
        place = StoreLocation({'digest': taken.digest, 'holder': image_id}, self.conf, backend_group=self.backend_group)
        return place.get_uri(), taken.size, taken.checksum, taken.multihash, metadata

    @capabilities.check
    def delete(self, location, context=None):
        """Drops the Glance image's hold on the bytes; they stay for others of the same bytes."""
        digest, holder = location.store_location.digest, location.store_location.holder
        if holder is None:
            LOG.info('%s was not put into the builder by Glance, and stays there', digest)
            return
        with _translated(digest):
            self.builder.client(context).images.release(digest, holder)


class _Blocks(glance_store.Indexable):
    """What Glance reads from; also by index, when it copies from store to store."""

    def another(self):
        return next(self.wrapped, b'')


class _Taken:
    """Sums of what passes."""

    def __init__(self, hashing_algo, verifier):
        self._md5 = hashlib.new('md5', usedforsecurity=False)
        self._multi, self._sha256, self._verifier = hashlib.new(hashing_algo), hashlib.sha256(), verifier
        self.size = 0

    def copy(self, source, target):
        while block := source.read(driver.Store.READ_CHUNKSIZE):
            self.size += len(block)
            if self.size > MAX_IMAGE:
                raise NotAnArtifact(f'over {MAX_IMAGE // units.Mi} MiB: no unikernel image is as large')
            for sum_ in (self._md5, self._multi, self._sha256, *([self._verifier] if self._verifier else [])):
                sum_.update(block)
            target.write(block)

    @property
    def digest(self):
        return f'sha256:{self._sha256.hexdigest()}'

    @property
    def checksum(self):
        return self._md5.hexdigest()

    @property
    def multihash(self):
        return self._multi.hexdigest()


def _checked(blocks, digest):
    """The blocks; the last one only if all together have the digest."""
    content, held = hashlib.sha256(), None
    with contextlib.closing(blocks):
        for block in blocks:
            if held is not None:
                yield held
            content.update(block)
            held = block
    if f'sha256:{content.hexdigest()}' != digest:
        raise exceptions.Invalid(message=f'the builder sent other bytes than those of {digest}')
    if held is not None:
        yield held


def _first(blocks, size):
    with contextlib.closing(blocks):
        for block in blocks:
            if size <= 0:
                return
            yield block[:size]
            size -= len(block)


def _translating(blocks, digest):
    with _translated(digest):
        yield from blocks


@contextlib.contextmanager
def _translated(digest):
    """The builder's refusals in the store library's words."""
    try:
        yield
    except builder_exceptions.NotFound as error:
        raise exceptions.NotFound(message=f'there is no image {digest} for this project: {error}') from error
    except builder_exceptions.BadRequest as error:
        raise NotAnArtifact(f'this is no unikernel image: {error}. To have a source bundle built, import it: openstack '
                            'image create --import --property unikernel_source=bundle ...') from error
    except builder_exceptions.Unauthorized as error:
        raise exceptions.NotAuthenticated(message=str(error)) from error
    except builder_exceptions.Forbidden as error:
        raise exceptions.Forbidden(message=str(error)) from error
    except builder_exceptions.ApiError as error:
        if error.status in (413, 507):
            raise exceptions.StorageFull(message=str(error)) from error
        raise BuilderUnavailable(message=str(error)) from error
    except keystone_exceptions.ClientException as error:
        raise BuilderUnavailable(message=str(error)) from error
