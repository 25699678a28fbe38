# SPDX-License-Identifier: Apache-2.0
"""The import plugin in Glance's own flow: real engine, database and stores, and the real service at the other end."""
import hashlib
import pathlib
import uuid

import pytest
from service_process import tar, wait_until

SOURCE = pathlib.Path(__file__).resolve().parents[3] / 'glance_store'


@pytest.fixture(name='glance', scope='session')
def fixture_glance(stub, tmp_path_factory):
    import in_process_glance  # not before: with Glance in the process test_builder's listener is never asked

    in_process_glance.announce(SOURCE, tmp_path_factory.mktemp('information'))
    return in_process_glance.Glance(tmp_path_factory.mktemp('glance'), f'http://127.0.0.1:{stub.port}')


@pytest.fixture(autouse=True)
def fixture_nothing_stays(glance):
    yield
    assert glance.staged() == []


def bundle(**labels):
    """A bundle for the stub, which does what the labels say; no two are alike."""
    lines = [f'name: app-{uuid.uuid4().hex[:8]}', 'labels:', "  made: 'here'"]
    lines += [f"  {name}: '{value}'" for name, value in labels.items()]
    return tar({'unikernel.yaml': '\n'.join(lines) + '\n', 'main.cc': 'int main() {}\n'})


def content(glance, image_id):
    return b''.join(glance.images.get(image_id).get_data())


def test_a_bundle_becomes_an_image(glance, stub):
    image_id = glance.stage(bundle(image_bytes=100_000), unikernel_source='bundle', colour='green')
    task = glance.run_import(image_id)
    image = glance.images.get(image_id)
    assert (task.status, image.status) == ('success', 'active'), task.message
    properties = image.extra_properties
    data = content(glance, image_id)
    assert properties['unikernel_digest'] == 'sha256:' + hashlib.sha256(data).hexdigest()
    built = stub.get('/v1/images/' + properties['unikernel_digest']).json
    assert {name: properties.get(name) for name in built['properties']} == built['properties']
    assert (properties['kernel_id'], properties['unikernel_build']) == (image_id, built['build'])
    assert properties['colour'] == 'green'
    assert 'unikernel_source' not in properties
    assert (image.size, image.min_ram) == (len(data), built['min_ram'])
    assert (image.disk_format, image.container_format) == ('raw', 'bare')
    assert 'os_glance_import_task' not in properties


def test_what_the_user_says_of_the_result_does_not_count(glance):
    image_id = glance.stage(bundle(), unikernel_source='bundle', unikernel_digest='sha256:0', unikernel_plan='mine',
                            kernel_id='other')
    glance.run_import(image_id)
    properties = glance.images.get(image_id).extra_properties
    assert properties['unikernel_digest'] != 'sha256:0'
    assert properties['kernel_id'] == image_id
    assert 'unikernel_plan' not in properties


def test_other_images_pass_as_they_are(glance):
    data = bundle()
    image_id = glance.stage(data, unikernel_digest='as it is')
    assert glance.run_import(image_id).status == 'success'
    image = glance.images.get(image_id)
    assert content(glance, image_id) == data
    assert (image.status, image.min_ram, dict(image.extra_properties)['unikernel_digest']) == ('active', 7, 'as it is')


def failed_cleanly(glance, image_id, task, text):
    """The image can be tried again, and the task says why."""
    image = glance.images.get(image_id)
    assert (task.status, image.status, image.size, image.locations) == ('failure', 'queued', None, [])
    assert text in task.message
    # dict(): Glance's own class knows its items, but does not list them.
    properties = {name: value for name, value in dict(image.extra_properties).items() if name[:9] != 'os_glance'}
    assert properties == {'unikernel_source': 'bundle'}
    assert image.min_ram == 7
    assert not image.extra_properties.get('os_glance_importing_to_stores')
    assert glance.staged() == []


def test_a_failure_says_why_and_can_be_tried_again(glance):
    image_id = glance.stage(bundle(state='compile-failed', error='main.cc:1: nonsense'), unikernel_source='bundle')
    failed_cleanly(glance, image_id, glance.run_import(image_id), 'main.cc:1: nonsense')
    glance.stage_again(image_id, bundle())
    assert glance.run_import(image_id).status == 'success'
    assert glance.images.get(image_id).status == 'active'


def test_bytes_that_are_no_bundle_are_refused(glance):
    image_id = glance.stage(b'no tar', unikernel_source='bundle')
    failed_cleanly(glance, image_id, glance.run_import(image_id), 'No unikernel image: ')


@pytest.mark.parametrize('source', ['git', ''])
def test_a_source_nobody_knows_is_refused(glance, source):
    image_id = glance.stage(bundle(), unikernel_source=source)
    task = glance.run_import(image_id)
    assert 'unikernel_source=bundle' in task.message
    assert glance.images.get(image_id).status == 'queued'


def test_a_builder_that_is_away_fails_cleanly(glance, monkeypatch):
    image_id = glance.stage(bundle(), unikernel_source='bundle')
    glance.conf.set_override('endpoint_override', 'http://127.0.0.1:9', 'unikernel')
    try:
        task = glance.run_import(image_id)
    finally:
        glance.conf.clear_override('endpoint_override', 'unikernel')
    failed_cleanly(glance, image_id, task, 'does not answer')


def test_a_store_that_fails_leaves_the_image_as_it_was(glance):
    """The artifact is there and described already, but cannot be stored."""
    image_id = glance.stage(bundle(), unikernel_source='bundle')
    (glance.folder / 'images' / image_id).write_bytes(b'in the way')
    task = glance.run_import_quietly(image_id)
    failed_cleanly(glance, image_id, task, 'Internal Error')


def test_an_artifact_that_is_half_described_leaves_the_image_as_it_was(glance, monkeypatch):
    """Its properties are written, and then its minimum memory cannot be."""
    from unikernel_glance import import_plugin
    set_min_ram = import_plugin._BuildUnikernel._set_min_ram
    failures = [RuntimeError('the database is away')]

    def fails_once(self, repository, mebibytes):
        if failures:
            raise failures.pop()
        return set_min_ram(self, repository, mebibytes)
    monkeypatch.setattr(import_plugin._BuildUnikernel, '_set_min_ram', fails_once)
    image_id = glance.stage(bundle(), unikernel_source='bundle')
    failed_cleanly(glance, image_id, glance.run_import_quietly(image_id), '')
    glance.stage_again(image_id, bundle())
    assert glance.run_import(image_id).status == 'success'
    assert glance.images.get(image_id).extra_properties['unikernel_digest'], 'it was built, not stored as it is'


def while_building(monkeypatch, action):
    """Runs action(build id) once, when a build is under way."""
    from unikernel_glance import building
    follow = building.Building._follow

    def interrupted(self, build):
        action(build['id'])
        return follow(self, build)
    monkeypatch.setattr(building.Building, '_follow', interrupted)


def test_deleting_the_image_cancels_the_build(glance, stub, monkeypatch):
    builds = []
    image_id = glance.stage(bundle(sleep_ms=60_000), unikernel_source='bundle')

    def delete(build):
        builds.append(build)
        image = glance.images.get(image_id)
        image.delete()
        glance.images.remove(image)
    while_building(monkeypatch, delete)
    glance.run_import_quietly(image_id)
    wait_until(lambda: stub.build(builds[0])['state'] == 'cancelled')


def test_an_import_that_lost_its_image_touches_nothing_of_the_next(glance, stub, monkeypatch):
    builds = []
    image_id = glance.stage(bundle(sleep_ms=60_000), unikernel_source='bundle')

    def take_over(build):
        builds.append(build)
        image = glance.images.get(image_id)
        glance.images.delete_property_atomic(
            image, 'os_glance_import_task', image.extra_properties['os_glance_import_task'])
        glance.images.set_property_atomic(image, 'os_glance_import_task', 'another')
    while_building(monkeypatch, take_over)
    glance.run_import_quietly(image_id)
    wait_until(lambda: stub.build(builds[0])['state'] == 'cancelled')
    assert glance.images.get(image_id).status == 'importing'
    assert glance.staged() == [image_id]
    (glance.staging / image_id).unlink()


def test_an_ended_task_cancels_the_build(glance, stub, monkeypatch):
    builds = []
    image_id = glance.stage(bundle(sleep_ms=60_000), unikernel_source='bundle')
    task_id = glance.begin(image_id)

    def end(build):
        builds.append(build)
        task = glance.tasks.get(task_id)
        task.fail('ended by an administrator')
        glance.tasks.save(task)
    while_building(monkeypatch, end)
    glance.run_quietly(task_id)
    wait_until(lambda: stub.build(builds[0])['state'] == 'cancelled')
    assert glance.images.get(image_id).status == 'queued'


def test_the_store_of_the_builder_takes_the_artifact(glance, stub):
    """A store may have the name of the section that the plugin reads."""
    image_id = glance.stage(bundle(), unikernel_source='bundle')
    task = glance.run(glance.begin(image_id, stores=['unikernel']))
    assert task.status == 'success', task.message
    image = glance.images.get(image_id)
    digest = image.extra_properties['unikernel_digest']
    assert image.locations[0]['url'] == f'unikernel://sha256/{digest[7:]}/{image_id}'
    assert image.locations[0]['metadata'] == {'store': 'unikernel'}
    assert content(glance, image_id) == stub.get(f'/v1/images/{digest}/file').body
    image.delete()
    glance.images.remove(image)
    # Its build's result is the project's all the same, until that deletes it there.
    assert stub.request('DELETE', f'/v1/images/{digest}').status == 204
