# SPDX-License-Identifier: Apache-2.0
"""A unikernel's snapshot is its image once more, and boots; so does a server that was shelved."""
import hashlib

from servers import http_status, must_answer, until


def snapshot(bench, server):
    bench.act(server, 'createImage', {'name': 'snapshot'})
    image = until(lambda: next((image for image in bench.connection.image.images(name='snapshot')
                                if image.properties.get('instance_uuid', image.instance_uuid) == server), None),
                  'there is a snapshot')
    bench.undo(bench.connection.image.delete_image, image.id, ignore_missing=True)
    until(lambda: bench.connection.image.get_image(image.id).status == 'active', 'the snapshot is active')
    bench.must_become(server, 'ACTIVE')
    return bench.connection.image.get(f'/images/{image.id}').json()


def test_a_snapshot_holds_the_same_bytes_and_says_so(bench, plain, plain_file):
    server = bench.server(plain)
    image = snapshot(bench, server)
    original = bench.connection.image.get(f'/images/{plain}').json()
    assert image['kernel_id'] == image['id'] != original['kernel_id']
    assert image['os_hash_value'] == hashlib.sha512(plain_file.read_bytes()).hexdigest()
    ours = {name for name in original if name.startswith(('unikernel_', 'trait:', 'hw_', 'os_shutdown', 'os_distro'))}
    assert {name: image.get(name) for name in ours} == {name: original[name] for name in ours}
    assert (image['min_ram'], image['disk_format']) == (original['min_ram'], 'raw')


def test_a_snapshot_boots(bench, plain):
    image = snapshot(bench, bench.server(plain))['id']
    second = bench.server(image)
    bench.act(second, 'reboot', {'type': 'HARD'})
    bench.must_become(second, 'ACTIVE')
    must_answer(bench.address(second))


def test_a_stopped_server_can_be_taken_a_snapshot_of(bench, plain):
    server = bench.server(plain)
    bench.act(server, 'os-stop')
    bench.must_become(server, 'SHUTOFF')
    bench.act(server, 'createImage', {'name': 'snapshot-stopped'})
    image = until(lambda: next(bench.connection.image.images(name='snapshot-stopped'), None), 'there is a snapshot')
    bench.undo(bench.connection.image.delete_image, image.id, ignore_missing=True)
    until(lambda: bench.connection.image.get_image(image.id).status == 'active', 'the snapshot is active')


def test_shelve_and_unshelve(bench, plain):
    server = bench.server(plain)
    address = bench.address(server)
    bench.act(server, 'shelve')
    until(lambda: bench.show(server).status in ('SHELVED', 'SHELVED_OFFLOADED'), 'it is shelved')
    until(lambda: bench.show(server).status == 'SHELVED_OFFLOADED', 'nothing of it is on the host')
    assert http_status(address) is None
    bench.act(server, 'unshelve')
    bench.must_become(server, 'ACTIVE')
    must_answer(address)
    # The snapshot is gone now.  What the server would be made from elsewhere must not have been that.
    bench.forget_bytes(server)
    bench.act(server, 'reboot', {'type': 'HARD'})
    bench.must_become(server, 'ACTIVE')
    must_answer(address)
