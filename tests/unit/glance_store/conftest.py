# SPDX-License-Identifier: Apache-2.0
"""The store and the import plugin under the real glance_store and Glance of this machine."""
import os
import pathlib
import sys
import uuid

import glance_store
from glance_store import location
from oslo_config import cfg
import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE), str(HERE.parent), str(ROOT / 'tests' / 'service'), str(ROOT / 'common' / 'python'),
                str(ROOT / 'glance_store')]

from service_process import Service  # noqa: E402

if 'GLANCE_STORE_UNDER_TEST' in os.environ:  # another one than this machine's
    assert glance_store.__file__.startswith(os.environ['GLANCE_STORE_UNDER_TEST']), glance_store.__file__


@pytest.fixture(name='stub', scope='session')
def fixture_stub(tmp_path_factory):
    """The real service around a pipeline that does what labels say."""
    service = Service(tmp_path_factory.mktemp('builder'), '--workers', '2').start()
    yield service
    service.stop()


@pytest.fixture(name='section')
def fixture_section():
    """configuration(endpoint): a ConfigOpts whose section [unikernel] says where the builder is."""
    from unikernel_glance import options

    def configuration(endpoint, **values):
        conf = cfg.ConfigOpts()
        conf([])
        options.register(conf)
        conf.set_override('endpoint_override', endpoint, options.GROUP)
        for name, value in values.items():
            conf.set_override(name, value, options.GROUP)
        return conf
    return configuration


@pytest.fixture(name='conf')
def fixture_conf(section, stub):
    return section(f'http://127.0.0.1:{stub.port}')


@pytest.fixture(name='store')
def fixture_store(conf):
    from unikernel_glance import store

    made = store.Store(conf)
    made.configure(re_raise_bsc=True)
    return made


@pytest.fixture(name='place')
def fixture_place(conf):
    """place(digest, holder) or place(uri=...): a location as Glance makes one."""
    from unikernel_glance import store

    def place(digest=None, holder=None, uri=None):
        return location.Location('unikernel', store.StoreLocation, conf, uri=uri,
                                 store_specs={'digest': digest, 'holder': holder} if digest else None)
    return place


@pytest.fixture(name='artifact')
def fixture_artifact(stub):
    """The image JSON of an artifact the builder made, and its bytes."""
    build = stub.wait_for(stub.submit(name=f'app-{uuid.uuid4().hex[:8]}', image_bytes=300_000).json['id'])
    assert build['state'] == 'succeeded', build
    digest = build['image']
    return stub.get(f'/v1/images/{digest}').json, stub.get(f'/v1/images/{digest}/file').body
