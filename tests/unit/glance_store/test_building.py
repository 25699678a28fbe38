# SPDX-License-Identifier: Apache-2.0
"""From a bundle to an artifact, with the real service at the other end."""
import contextlib
import hashlib
import threading

import pytest
from service_process import Service, tar, wait_until
from unikernelclient import exceptions

from unikernel_glance import builder
from unikernel_glance import building


def bundle(folder, spec):
    """A bundle with a specification for the stub, which does what its labels say."""
    path = folder / 'bundle'
    path.write_bytes(tar({'unikernel.yaml': spec, 'main.cc': 'int main() {}\n'}))
    return str(path)


def specification(name, **labels):
    lines = [f'name: {name}', 'labels:', *(f'  {key}: {value!r}' for key, value in {'made': 'here', **labels}.items())]
    return '\n'.join(lines) + '\n'


def quiet(text):
    """Progress that nobody reads."""


@pytest.fixture(name='client')
def fixture_client(conf):
    return builder.Builder(conf).client()


def test_an_artifact_arrives_with_what_follows_from_it(client, tmp_path):
    said = []
    target = tmp_path / 'artifact'
    built = building.Building(client, 60, 5, said.append).run(
        bundle(tmp_path, specification('arrives', sleep_ms='500')), str(target))
    content = target.read_bytes()
    assert built.digest == 'sha256:' + hashlib.sha256(content).hexdigest()
    assert built.size == len(content)
    assert built.properties['unikernel_digest'] == built.digest
    assert client.builds.get(built.build)['image'] == built.digest
    assert built.minimum_memory == client.images.get(built.digest)['min_ram']
    assert any(built.build in text for text in said)


def test_a_failure_has_the_tools_words(client, tmp_path):
    target = tmp_path / 'artifact'
    with pytest.raises(building.Failed) as failure:
        building.Building(client, 60, 5, quiet).run(
            bundle(tmp_path, specification('fails', state='compile-failed', error='main.cc:1: nonsense', lines='3')),
            str(target))
    assert 'compile-failed: main.cc:1: nonsense' in str(failure.value)
    assert 'xxxxxxxxxx' in str(failure.value), 'no line of the log'
    assert not target.exists()


def test_a_message_is_short_and_printable(client, tmp_path):
    with pytest.raises(building.Failed) as failure:
        building.Building(client, 60, 5, quiet).run(
            bundle(tmp_path, specification('talks', state='compile-failed', error='e', lines='40', line_bytes='900')),
            str(tmp_path / 'artifact'))
    assert len(str(failure.value).encode()) <= building.MESSAGE_BYTES
    assert building.shorten('\x1b[31mred\x07') == '?[31mred?'


def test_what_is_no_bundle_is_refused_with_the_services_words(client, tmp_path):
    path = tmp_path / 'bundle'
    path.write_bytes(b'no tar')
    with pytest.raises(building.Failed, match='(?i)archive|tar'):
        building.Building(client, 60, 5, quiet).run(str(path), str(tmp_path / 'artifact'))


class Stopped(Exception):
    """What a progress raises to end a build."""


def test_what_progress_raises_cancels_the_build(client, tmp_path):
    builds = []

    def stop(text):
        if text.startswith('compile'):
            builds.append(text.split()[-1])
            raise Stopped

    with pytest.raises(Stopped):
        building.Building(client, 60, 5, stop).run(
            bundle(tmp_path, specification('stops', sleep_ms='60000')), str(tmp_path / 'artifact'))
    wait_until(lambda: client.builds.get(builds[0])['state'] == 'cancelled')


def test_a_build_that_takes_too_long_is_cancelled(client, tmp_path):
    with pytest.raises(building.Failed, match='has not ended within 1 s') as failure:
        building.Building(client, 1, 5, quiet).run(
            bundle(tmp_path, specification('lasts', sleep_ms='60000')), str(tmp_path / 'artifact'))
    build = str(failure.value).split()[1]
    wait_until(lambda: client.builds.get(build)['state'] == 'cancelled')


def test_bytes_with_another_digest_do_not_stay(client, tmp_path, monkeypatch):
    def spoilt(digest):
        return (block for block in (b'other ', b'bytes')), 11
    monkeypatch.setattr(client.images, 'data', spoilt)
    target = tmp_path / 'artifact'
    with pytest.raises(building.Failed, match='other bytes'):
        building.Building(client, 60, 5, quiet).run(bundle(tmp_path, specification('spoilt')), str(target))
    assert not target.exists()


@pytest.fixture(name='restarting')
def fixture_restarting(tmp_path):
    """A service that a test stops and starts."""
    folder = tmp_path / 'service'
    folder.mkdir()
    service = Service(folder).start()
    yield service
    with contextlib.suppress(Exception):
        service.stop()


def test_a_service_that_starts_again_is_waited_for(section, restarting, tmp_path):
    client = builder.Builder(section(f'http://127.0.0.1:{restarting.port}')).client()
    away = threading.Event()

    def restart(text):
        if text.startswith('compile') and not away.is_set():
            away.set()
            restarting.kill()
            threading.Timer(1, restarting.start, [restarting.port]).start()

    built = building.Building(client, 60, 30, restart).run(
        bundle(tmp_path, specification('survives', sleep_ms='1500')), str(tmp_path / 'artifact'))
    assert away.is_set() and built.size


def test_a_service_that_stays_away_ends_it(section, restarting, tmp_path):
    client = builder.Builder(section(f'http://127.0.0.1:{restarting.port}')).client()

    def kill(text):
        if text.startswith('compile') and restarting.process.poll() is None:
            restarting.kill()

    with pytest.raises(building.Failed, match='does not answer'):
        building.Building(client, 60, 1, kill).run(
            bundle(tmp_path, specification('dies', sleep_ms='60000')), str(tmp_path / 'artifact'))


def test_a_busy_service_is_asked_again(conf, tmp_path):
    client = builder.Builder(conf).client()
    refusals = iter([503, 503])
    upload = client.bundles.create

    def create(file):
        if next(refusals, None):
            error = exceptions.Unavailable(503, 'queue.full', 'the queue is full')
            error.retry_after = 0.01
            raise error
        return upload(file)
    client.bundles.create = create
    built = building.Building(client, 60, 5, quiet).run(
        bundle(tmp_path, specification('waits')), str(tmp_path / 'artifact'))
    assert built.size
