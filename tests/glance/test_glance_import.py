# SPDX-License-Identifier: Apache-2.0
"""`openstack image create --import` of a source bundle, with everything real but the server that would boot it."""
import hashlib
import json
import pathlib
import tarfile
import time
import uuid

import bundles
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def is_artifact(data):
    return data[:4] == b'\x7fELF'


def documented():
    """The commands of the user guide's page, in order."""
    page = ROOT / 'doc' / 'source' / 'user' / 'image-import.rst'
    return [line.strip() for line in page.read_text().splitlines() if line.startswith('    ')]


def test_a_bundle_becomes_an_image_under_the_same_id(alice, glance, tmp_path):
    """As the user guide says it."""
    (tmp_path / 'examples').symlink_to(ROOT / 'examples')
    pack, create, show, tasks = documented()
    alice.shell(pack, tmp_path)
    image_id = json.loads(alice.shell(create + ' -f json', tmp_path))['id']
    assert json.loads(alice.shell(show + ' -f json', tmp_path))['id'] == image_id
    assert 'tasks' in json.loads(alice.shell(tasks, tmp_path, GLANCE=glance.url, ID=image_id))
    task, image = alice.end_of_import(image_id)
    assert (task['status'], image['status']) == ('success', 'active'), task
    data = alice.data(image_id)
    assert is_artifact(data)
    digest = 'sha256:' + hashlib.sha256(data).hexdigest()
    assert (image['unikernel_digest'], image['size'], image['kernel_id']) == (digest, len(data), image_id)
    assert image['unikernel_platform'] == 'u0'
    assert image['trait:CUSTOM_UNIKERNEL'] == 'required'
    assert image['min_ram'] == int(image['unikernel_minimum_memory_mib']) > 0
    assert 'unikernel_source' not in image
    assert list(glance.staging.iterdir()) == []
    shown = alice.openstack('unikernel', 'build', 'show', image['unikernel_build'], '-f', 'json')
    assert json.loads(shown.stdout)['image'] == digest, shown.stderr


def failed(glance, task, image, *words):
    assert (task['status'], image['status'], image['size']) == ('failure', 'queued', None), task
    for word in words:
        assert word in task['message'], task['message']
    assert len(task['message']) < 2100
    assert image['unikernel_source'] == 'bundle'
    assert 'unikernel_digest' not in image
    assert list(glance.staging.iterdir()) == []


def test_a_bundle_that_does_not_compile_ends_with_the_compilers_words(alice, glance):
    task, image = alice.run_import(bundles.hello(hello='int main() { return nonsense; }\n'))
    failed(glance, task, image, 'compile-failed', 'hello.cc:1', 'nonsense', 'was not declared')


BAD = {
    'path': lambda: bundles.with_entry('../outside.cc', b'x'),
    'link': lambda: bundles.with_entry('link.cc', kind=tarfile.SYMTYPE, target='/etc/passwd'),
    'hard-link': lambda: bundles.with_entry('hard.cc', kind=tarfile.LNKTYPE, target='hello.cc'),
    'device': lambda: bundles.with_entry('zero', kind=tarfile.CHRTYPE),
    'pipe': lambda: bundles.with_entry('pipe', kind=tarfile.FIFOTYPE),
    'entries': lambda: bundles.with_many_entries(100_000),
    'bomb': lambda: bundles.bomb(1024),
    'cut': lambda: bundles.hello()[:-200],
    'no-archive': lambda: b'hello',
    'no-specification': lambda: bundles.packed(lambda archive: bundles.add(archive, 'hello.cc', b'int main() {}')),
}
WORDS = {'path': '..', 'link': 'link', 'hard-link': 'link', 'device': 'zero', 'pipe': 'pipe',
         'entries': 'files and folders', 'bomb': 'unpacks to more than', 'no-specification': 'unikernel.yaml'}


@pytest.mark.parametrize('kind', BAD)
def test_a_bad_bundle_is_refused_in_clear_words(alice, glance, kind):
    task, image = alice.run_import(BAD[kind]())
    failed(glance, task, image, 'No unikernel image: ', WORDS.get(kind, ''))


def test_a_builder_that_stops_in_mid_import_fails_cleanly_and_the_next_try_works(alice, glance, builder):
    image_id = alice.create(unikernel_source='bundle')
    other = bundles.hello(hello=f'// {uuid.uuid4()}\n' + (bundles.HELLO / 'hello.cc').read_text())
    port = builder.port
    alice.begin_import(image_id, other)
    deadline = time.monotonic() + 60
    while ', build ' not in (alice.task(image_id)['message'] or ''):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    builder.kill()
    try:
        task, image = alice.end_of_import(image_id)
    finally:
        builder.start(port)
    failed(glance, task, image, 'does not answer')
    alice.begin_import(image_id, other)
    task, image = alice.end_of_import(image_id)
    assert (task['status'], image['status']) == ('success', 'active'), task


def test_images_that_are_no_bundles_pass(alice):
    image_id = alice.create()
    alice.begin_import(image_id, b'a disk')
    task, image = alice.end_of_import(image_id)
    assert (task['status'], image['status'], alice.data(image_id)) == ('success', 'active', b'a disk')


def test_an_upload_without_import_stays_a_bundle_that_no_host_boots(alice, tmp_path):
    path = tmp_path / 'hello.tar.gz'
    path.write_bytes(bundles.hello())
    made = alice.openstack('image', 'create', '--disk-format', 'raw', '--container-format', 'bare', '--property',
                           'unikernel_source=bundle', '--file', path, '-f', 'json', 'plain')
    assert made.returncode == 0, made.stderr
    image = alice.image(json.loads(made.stdout)['id'])
    assert image['status'] == 'active'
    # What the compute driver refuses: tests/unit/nova_driver/test_properties.py.
    assert image['unikernel_source'] == 'bundle' and 'unikernel_digest' not in image
