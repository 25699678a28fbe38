# SPDX-License-Identifier: Apache-2.0
"""What a running unikernel goes through: stop, start, reboot, pause, suspend, rebuild."""
import time

import openstack
import pytest
from servers import INSTANCES, http_status, must_answer, until

AT_ONCE = 30  # seconds; an ordinary server is waited for a minute, and a machine under test is slow


def test_stop_and_start(bench, plain):
    server = bench.server(plain)
    address = bench.address(server)
    begun = time.monotonic()
    bench.act(server, 'os-stop')
    bench.must_become(server, 'SHUTOFF')
    assert time.monotonic() - begun < AT_ONCE
    assert http_status(address) is None
    assert 'u0: sealed' in bench.console(server)
    bench.act(server, 'os-start')
    bench.must_become(server, 'ACTIVE')
    must_answer(address)


@pytest.mark.parametrize('kind', ['SOFT', 'HARD'])
def test_every_reboot_is_hard_and_soon_over(bench, plain, kind):
    server = bench.server(plain)
    begun = time.monotonic()
    bench.act(server, 'reboot', {'type': kind})
    bench.must_become(server, 'ACTIVE')
    must_answer(bench.address(server))
    assert time.monotonic() - begun < AT_ONCE


@pytest.mark.parametrize('there, state, back', [('pause', 'PAUSED', 'unpause'), ('suspend', 'SUSPENDED', 'resume')])
def test_pause_and_suspend(bench, plain, there, state, back):
    server = bench.server(plain)
    bench.act(server, there)
    bench.must_become(server, state)
    assert http_status(bench.address(server)) is None
    bench.act(server, back)
    bench.must_become(server, 'ACTIVE')
    must_answer(bench.address(server))


def test_a_locked_server_is_left_alone(bench, plain):
    server = bench.server(plain)
    bench.act(server, 'lock')
    # Administrators may; what is checked is that the driver plays no part in it.
    assert bench.show(server).is_locked
    bench.act(server, 'unlock')
    assert not bench.show(server).is_locked


def test_rebuild_to_another_image_and_back(bench, plain, guarded):
    server = bench.server(plain)
    address, ports = bench.address(server), bench.ports(server)
    must_answer(address, '/private')
    bench.act(server, 'rebuild', {'imageRef': guarded})
    bench.must_become(server, 'ACTIVE')
    must_answer(address)
    must_answer(address, '/private', 401)
    bench.act(server, 'rebuild', {'imageRef': plain})
    bench.must_become(server, 'ACTIVE')
    must_answer(address, '/private')
    assert (bench.address(server), bench.ports(server)) == (address, ports)


def test_arguments_reach_the_application_and_change_with_a_reboot(bench, plain):
    # examples/hello-web takes the port that it listens on.
    server = bench.create(plain, metadata={'unikernel:arguments': ' 8080 '})
    bench.must_become(server, 'ACTIVE')
    address = bench.address(server)
    must_answer(address, port=8080)
    assert bench.command_line(server).endswith(' -- 8080')
    bench.compute.set_server_metadata(server, **{'unikernel:arguments': '80'})
    bench.act(server, 'reboot', {'type': 'HARD'})
    bench.must_become(server, 'ACTIVE')
    must_answer(address)
    assert http_status(address, port=8080) is None


def test_damaged_bytes_on_the_host_do_not_start_and_are_fetched_anew(bench, plain):
    server = bench.server(plain)
    bench.act(server, 'os-stop')
    bench.must_become(server, 'SHUTOFF')
    for damaged in (INSTANCES / server / 'kernel', bench.cached(plain)):
        damaged.write_bytes(damaged.read_bytes()[:-1] + b'X')
    bench.act(server, 'os-start')
    until(lambda: ('compute_start_instance', 'Error') in bench.events(server)['start'], 'its start has failed')
    until(lambda: not bench.show(server).task_state, 'nothing is done with it any more')
    assert not bench.cached(plain).exists()
    assert http_status(bench.address(server)) is None
    bench.act(server, 'reboot', {'type': 'HARD'})
    bench.must_become(server, 'ACTIVE')
    must_answer(bench.address(server))


def test_delete_is_soon_over_and_leaves_nothing(bench, plain):
    server = bench.server(plain)
    ports = bench.ports(server)
    begun = time.monotonic()
    bench.delete(server)
    assert time.monotonic() - begun < AT_ONCE
    until(lambda: not bench.remains(server, ports), 'nothing is left')
    with pytest.raises(openstack.exceptions.ResourceNotFound):
        bench.show(server)
