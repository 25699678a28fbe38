# SPDX-License-Identifier: Apache-2.0
"""The store unikernel:// with the real glance_store library, and the real service at the other end."""
import io
import uuid

from glance_store import exceptions
import pytest

from unikernel_glance import store as store_module

UNKNOWN = 'sha256:' + '0' * 64


def test_gives_the_bytes_and_their_number(store, place, artifact):
    image, content = artifact
    blocks, size = store.get(place(image['digest']))
    assert (b''.join(blocks), size) == (content, image['bytes'])
    assert store.get_size(place(image['digest'])) == len(content)


@pytest.mark.parametrize('offset,length', [(1, None), (0, 10), (70_000, 100_000), (299_990, 1_000_000)])
def test_gives_a_part(store, place, artifact, offset, length):
    image, content = artifact
    blocks, size = store.get(place(image['digest']), offset=offset, chunk_size=length)
    expected = content[offset:] if length is None else content[offset:offset + length]
    assert (b''.join(blocks), size) == (expected, len(expected))


def test_a_uri_survives_being_stored(place, artifact):
    holder = str(uuid.uuid4())
    for expected in (None, holder):
        uri = place(artifact[0]['digest'], expected).get_store_uri()
        assert uri == 'unikernel://sha256/' + artifact[0]['digest'][7:] + (f'/{holder}' if expected else '')
        stored = place(uri=uri).store_location
        assert (stored.digest, stored.holder) == (artifact[0]['digest'], expected)


@pytest.mark.parametrize('uri', [
    'unikernel://evil.example/v1/images/' + '0' * 64, 'unikernel://sha256/../builds', 'unikernel://sha256/' + 'A' * 64,
    'unikernel://user:secret@sha256/' + '0' * 64, 'unikernel://sha256/' + '0' * 64 + '?x=1',
    'unikernel://sha256/' + '0' * 64 + '\n', 'unikernel://sha256/' + '0' * 64 + '/x',
    'unikernel://', 'http://sha256/' + '0' * 64])
def test_refuses_a_uri_that_says_more_than_a_digest(place, uri):
    with pytest.raises(exceptions.BadStoreUri):
        place(uri=uri)


def test_an_unknown_image_is_not_found(store, place):
    for ask in (store.get, store.get_size, store.delete):
        with pytest.raises(exceptions.NotFound, match=UNKNOWN):
            ask(place(UNKNOWN, str(uuid.uuid4())))


def test_images_of_the_same_bytes_do_not_take_them_from_each_other(store, place, stub):
    content = b'\x7fELF' + uuid.uuid4().bytes
    first, second = (place(uri=store.add(str(uuid.uuid4()), io.BytesIO(content), len(content), 'sha512')[0])
                     for _ in range(2))
    digest = first.store_location.digest
    assert digest == second.store_location.digest
    assert stub.request('DELETE', f'/v1/images/{digest}').status == 409
    store.delete(first)
    assert b''.join(store.get(second)[0]) == content
    store.delete(place(digest))  # somebody's own location of the same bytes
    store.delete(second)
    with pytest.raises(exceptions.NotFound):
        store.get_size(second)
    with pytest.raises(exceptions.NotFound):
        store.delete(first)


class Spoilt:
    """A builder's client whose images are not what their digests say."""

    def __init__(self, content):
        self.images, self._content = self, content

    def client(self, context):
        return self

    def data(self, digest, offset=0):
        return (self._content[n:n + 1000] for n in range(offset, len(self._content), 1000)), len(self._content)


def test_never_gives_out_the_end_of_bytes_that_have_another_digest(store, place, artifact):
    image, content = artifact
    store._builder = Spoilt(content[:5] + b'?' + content[6:])
    blocks, _ = store.get(place(image['digest']))
    given = []
    with pytest.raises(exceptions.Invalid, match=image['digest']):
        for block in blocks:
            given.append(block)
    assert 0 < sum(map(len, given)) < len(content)


def test_a_builder_that_is_away_is_unavailable(section, place):
    store = store_module.Store(section('http://127.0.0.1:9'))
    for ask in (store.get, store.get_size, store.delete):
        with pytest.raises(exceptions.RemoteServiceUnavailable, match='does not answer'):
            ask(place(UNKNOWN, str(uuid.uuid4())))
    # 503 of an upload as well: Glance knows this one there.
    with pytest.raises(exceptions.StorageWriteDenied, match='does not answer'):
        store.add('id', io.BytesIO(b'x'), 1, 'sha512')


@pytest.mark.parametrize('values,reason', [
    ({'endpoint_override': None}, 'neither endpoint_override nor auth_type'),
    ({'auth_type': 'no-such'}, 'no-such')])
def test_a_configuration_that_cannot_work_is_named(section, values, reason):
    values.setdefault('endpoint_override', 'http://127.0.0.1:9')
    store = store_module.Store(section(**{'endpoint': values.pop('endpoint_override')}, **values))
    with pytest.raises(exceptions.BadStoreConfiguration, match=reason):
        store.configure(re_raise_bsc=True)
    with pytest.raises(exceptions.StoreAddDisabled):
        store.add('id', io.BytesIO(b'x'), 1, 'sha512')
