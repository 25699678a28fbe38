# SPDX-License-Identifier: Apache-2.0
"""Bundles that are not what they say: refused by the builder of the cloud, through its door, with words."""
import io
import re
import tarfile

import openstack
import pytest
from bundles import tar_of
from unikernelclient import exceptions
from unikernelclient.client import Client


def member(name, kind, target=''):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b''


def many(count):
    return tar_of({f'{number}.txt': '' for number in range(count)}, compression='gz')


def bomb():
    info = tarfile.TarInfo('zeros')
    info.size = 1 << 30
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w:gz', compresslevel=9) as archive:
        archive.addfile(info, _Zeros(info.size))
    out.seek(0)
    return out


class _Zeros(io.RawIOBase):
    def __init__(self, size):
        super().__init__()
        self.left = size

    def read(self, size=-1):
        size = min(self.left, size if size >= 0 else self.left)
        self.left -= size
        return bytes(size)


@pytest.fixture(scope='module', name='builder')
def fixture_builder():
    return Client(openstack.connect().session, region_name='RegionOne')


@pytest.mark.parametrize('make, reason', [
    (lambda: tar_of({'../evil.cc': 'x'}), r'\.\.'),
    (lambda: tar_of({'/etc/evil': 'x'}), '/etc/evil'),
    (lambda: tar_of({}, member('link', tarfile.SYMTYPE, '/etc/shadow')), 'link'),
    (lambda: tar_of({'a': 'x'}, member('hard', tarfile.LNKTYPE, 'a')), 'hard'),
    (lambda: tar_of({}, member('device', tarfile.CHRTYPE)), 'device'),
    (lambda: tar_of({}, member('pipe', tarfile.FIFOTYPE)), 'pipe'),
    (lambda: many(100_000), '[0-9]'),
    (bomb, 'MiB|bytes|large'),
    (lambda: io.BytesIO(b'no archive at all'), 'archive|tar'),
    (lambda: io.BytesIO(tar_of({'a': 'x' * 5000}).read()[:1000]), ''),
], ids=['upwards', 'absolute', 'symbolic-link', 'hard-link', 'device', 'pipe', 'many-entries', 'bomb', 'no-archive',
        'truncated'])
def test_such_a_bundle_is_refused(builder, make, reason):
    before = {build['id'] for build in builder.builds.list()}
    try:
        digest = builder.bundles.create(make())
        build = builder.builds.wait(builder.builds.create(digest, spec={
            'name': 'test', 'platform': 'u0', 'application': {'sources': ['a.cc'], 'language': 'c++20'}})['id'])
        assert build['state'] == 'rejected', build
        told = build['error']
    except exceptions.ApiError as error:
        assert error.status in (400, 413), error
        told = error.detail
        assert {build['id'] for build in builder.builds.list()} == before
    assert told and re.search(reason, told), told
