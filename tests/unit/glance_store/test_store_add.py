# SPDX-License-Identifier: Apache-2.0
"""Giving the store an image."""
import hashlib
import io
import uuid

from glance_store import exceptions
import pytest
from service_process import Service

from unikernel_glance import store as store_module


@pytest.mark.parametrize('announced', [None, 0, 'all'])
def test_adds_an_artifact(store, place, artifact, announced):
    image, content = artifact
    seen = hashlib.sha256()
    image_id = str(uuid.uuid4())
    uri, size, checksum, multihash, metadata = store.add(
        image_id, io.BytesIO(content), len(content) if announced else announced, 'sha512', verifier=seen)
    assert uri == place(image['digest'], image_id).get_store_uri()
    assert (size, checksum, multihash, metadata) == (
        len(content), hashlib.md5(content).hexdigest(), hashlib.sha512(content).hexdigest(), {})
    assert seen.hexdigest() == image['digest'][7:]
    assert len(store.add(image_id, io.BytesIO(content), len(content))) == 4  # as before multihashes


@pytest.fixture(name='real', scope='module')
def fixture_real(tmp_path_factory):
    """The real service with the real pipeline: the stub's takes everything for an image."""
    service = Service(tmp_path_factory.mktemp('builder'), name='unikernel-builder').start()
    yield service
    service.stop()


@pytest.mark.parametrize('data', [b'a bundle', b'\x7fELF' + bytes(1000), b''])
def test_refuses_to_add_what_is_no_artifact(section, real, data):
    made = store_module.Store(section(f'http://127.0.0.1:{real.port}'))
    with pytest.raises(exceptions.Invalid, match='no unikernel image') as refusal:
        made.add(str(uuid.uuid4()), io.BytesIO(data), len(data), 'sha512')
    assert isinstance(refusal.value, ValueError), 'Glance would not answer 400'
    assert not isinstance(refusal.value, exceptions.StorageWriteDenied), 'Glance would answer 503'


def test_refuses_a_stream_that_is_not_as_long_as_announced(store):
    with pytest.raises(exceptions.Invalid, match='9 bytes were announced, but 8 came'):
        store.add('id', io.BytesIO(b'a bundle'), 9, 'sha512')
