# SPDX-License-Identifier: Apache-2.0
"""What a unikernel cannot do is refused with a sentence, and what was asked for leaves nothing behind."""
import html
import re

import openstack
import pytest
from servers import http_status, must_answer, until


def refused(bench, image, reason, **fields):
    """A server of the image ends in ERROR for this reason, and the host keeps nothing of it."""
    server = bench.create(image, **fields)
    bench.must_become(server, 'ERROR')
    assert re.search(reason, bench.fault(server)), bench.fault(server)
    until(lambda: not bench.remains(server), 'nothing is left on the host while the server is still listed')
    return server


@pytest.mark.parametrize('changes, reason', [
    ({'unikernel_digest': None}, 'lacks the properties unikernel_digest'),
    ({'unikernel_digest': 'sha256:' + 64 * '0'}, 'but unikernel_digest says'),
    ({'unikernel_modules': 'console'}, "unikernel_modules='console', but the image itself says"),
    ({'unikernel_platform': 'osv', 'trait:CUSTOM_UNIKERNEL_U0': None}, 'this driver boots u0'),
    ({'unikernel_command_line': 'sh'}, "'sh'"),
    ({'unikernel_minimum_memory_mib': '0'}, 'no positive whole number'),
    ({'unikernel_digest': None, 'unikernel_source': 'bundle'}, 'still is source'),
])
def test_properties_that_are_not_the_images_own(bench, plain_file, changes, reason):
    refused(bench, bench.image(plain_file, **changes), reason)


@pytest.mark.parametrize('spoil, reason', [
    (lambda data: data[:-1] + bytes([data[-1] ^ 1]), 'seal does not fit'),
    (lambda data: data[:4096], 'truncated'),
    (lambda data: b'#!/bin/sh\n', 'no ELF file'),
    (lambda data: b'\x1f\x8b\x08' + data, 'a source bundle'),
])
def test_bytes_that_are_not_the_image(bench, plain, plain_file, spoil, reason):
    original = bench.connection.image.get(f'/images/{plain}').json()
    derived = {name: value for name, value in original.items() if name.startswith(('unikernel_', 'hw_', 'trait:'))}
    image = bench.plain_image(spoil(plain_file.read_bytes()), 'spoiled', **derived)
    refused(bench, image, reason)


def test_an_image_that_does_not_say_what_it_is_is_an_ordinary_disk(bench, plain_file):
    """The driver looks at properties, never into disks: such a server is ACTIVE and boots nothing."""
    image = bench.plain_image(plain_file.read_bytes(), 'bytes-alone')
    server = bench.create(image, bench.flavor(64))
    bench.must_become(server, 'ACTIVE')
    domain = bench.domain(server)
    assert '<disk ' in domain and '<kernel>' not in domain


def test_too_small_a_flavor_is_refused_by_the_api(bench, plain):
    with pytest.raises(openstack.exceptions.BadRequestException, match='memory'):
        bench.create(plain, bench.flavor(4))


def test_too_small_a_flavor_is_refused_by_the_driver(bench, plain_file):
    refused(bench, bench.image(plain_file, min_ram=0), 'at least [0-9]+ MiB of memory; the flavor has 4 MiB',
            flavor=bench.flavor(4))


def test_a_second_network_card(bench, plain):
    network = {'uuid': bench.network.find_network('public').id}
    refused(bench, plain, '2 network interfaces; platform u0 drives one', networks=[network, network])


@pytest.mark.parametrize('arguments', ['80\nnet.ip=6.6.6.6/8', '80\0', '\x1b[2J', '\u202e80', '80\u00e9', '\u2028'])
def test_arguments_with_characters_that_are_not_printed(bench, plain, arguments):
    """Nova's API lets them pass or refuses them itself; none reaches a guest."""
    try:
        server = bench.create(plain, metadata={'unikernel:arguments': arguments})
    except openstack.exceptions.BadRequestException:
        return
    bench.must_become(server, 'ERROR')
    assert 'no printable ASCII' in bench.fault(server)


@pytest.mark.parametrize('arguments', [
    '-- net.ip=6.6.6.6/8 net.gw=6.6.6.6', 'net.ip=6.6.6.6/8', "' net.ip=6.6.6.6/8 '", '</cmdline><kernel>/etc/shadow',
    '&amp; $(reboot) `reboot` %s', '=' * 255])
def test_arguments_do_not_break_out(bench, plain, arguments):
    server = bench.create(plain, metadata={'unikernel:arguments': arguments})
    until(lambda: bench.show(server).status in ('ACTIVE', 'ERROR'), 'it has been started')
    # The application does not know them and ends; so it depends on the moment which of both it is.
    if bench.show(server).status == 'ACTIVE':
        line = html.unescape(bench.command_line(server))
        own, _, theirs = line.partition(' -- ')
        assert theirs == ' '.join(arguments.split())
        assert f'net.ip={bench.address(server)}/24' in own.split() and '6.6.6.6' not in own
        until(lambda: 'usage: ' in bench.console(server), 'the application has seen its arguments')
        assert f'u0: net {bench.address(server)}/24' in bench.console(server)
    else:
        assert 'ended right after its start' in bench.fault(server)


def test_arguments_that_are_too_long_for_the_api(bench, plain):
    with pytest.raises(openstack.exceptions.BadRequestException):
        bench.create(plain, metadata={'unikernel:arguments': 'x' * 256})


def test_a_name_is_cut_down_to_a_host_name(bench, plain):
    server = bench.server(plain, name='net.ip=6.6.6.6/8 -- w\u00fcb')
    words = bench.command_line(server).split()
    assert [word for word in words if word.startswith('net.ip=')] == [f'net.ip={bench.address(server)}/24']
    assert re.fullmatch(r'net\.host=[A-Za-z0-9-]+', next(word for word in words if 'net.host' in word))


def test_a_name_with_control_characters_is_refused_by_the_api(bench, plain):
    with pytest.raises(openstack.exceptions.BadRequestException):
        bench.create(plain, name='a\nb')


def test_a_network_without_gateway_and_dns(bench, plain):
    network = bench.network.find_network('public')
    subnet = bench.network.create_subnet(network_id=network.id, ip_version=4, cidr='10.99.0.0/28', gateway_ip=None,
                                         name='test-alone')
    bench.undo(bench.network.delete_subnet, subnet.id)
    port = bench.network.create_port(network_id=network.id, fixed_ips=[{'subnet_id': subnet.id}])
    bench.undo(bench.network.delete_port, port.id, ignore_missing=True)
    server = bench.create(plain, networks=[{'port': port.id}])
    bench.must_become(server, 'ACTIVE')
    address = port.fixed_ips[0]['ip_address']
    assert bench.command_line(server) == f'net.ip={address}/28 net.mtu={network.mtu} net.host=test'
    until(lambda: f'u0: net {address}/28' in bench.console(server), 'the guest has this address')


def test_rescue_starts_the_same_image_and_unrescue_ends_it(bench, plain):
    server = bench.server(plain)
    bench.act(server, 'rescue')
    bench.must_become(server, 'RESCUE')
    must_answer(bench.address(server))
    bench.act(server, 'unrescue')
    bench.must_become(server, 'ACTIVE')
    must_answer(bench.address(server))


def test_rescue_by_another_image_is_refused_and_the_guest_runs_on(bench, plain, guarded):
    server = bench.server(plain)
    bench.act(server, 'rescue', {'rescue_image_ref': guarded})
    bench.must_become(server, 'ERROR')
    assert 'by its own image alone' in bench.fault(server)
    assert http_status(bench.address(server)) == 200
    bench.act(server, 'reboot', {'type': 'HARD'})
    until(lambda: bench.show(server).status == 'ACTIVE', 'a hard reboot has cleared the error')
    must_answer(bench.address(server))


def test_a_network_card_is_not_plugged_into_a_running_unikernel(bench, plain):
    server = bench.server(plain)
    before = bench.ports(server)
    with pytest.raises(openstack.exceptions.BadRequestException, match='is a unikernel'):
        bench.compute.create_server_interface(server, net_id=bench.network.find_network('public').id)
    until(lambda: bench.ports(server) == before, 'no port is left of it')
    bench.must_become(server, 'ACTIVE')
    must_answer(bench.address(server))


def test_nor_is_its_own_pulled_out(bench, plain):
    server = bench.server(plain)
    port = bench.ports(server)[0]
    try:
        bench.compute.delete_server_interface(port, server=server)
    except openstack.exceptions.HttpException:
        pass
    bench.must_become(server, 'ACTIVE')
    must_answer(bench.address(server))
    assert bench.ports(server) == [port]
