# SPDX-License-Identifier: Apache-2.0
"""Resize on one host, up and down, confirmed and reverted; memory that does not suffice is refused."""
import openstack
import pytest
from servers import must_answer, until


def memory_mib(bench, server):
    return bench.show(server).flavor['ram']


@pytest.mark.parametrize('end, expected', [('confirmResize', 256), ('revertResize', 64)])
def test_resize_up(bench, plain, end, expected):
    server = bench.server(plain, 'u1.micro')
    address = bench.address(server)
    bench.act(server, 'resize', {'flavorRef': bench.compute.find_flavor('u1.small').id})
    bench.must_become(server, 'VERIFY_RESIZE')
    must_answer(address)
    assert memory_mib(bench, server) == 256
    bench.act(server, end)
    bench.must_become(server, 'ACTIVE')
    must_answer(address)
    assert memory_mib(bench, server) == expected
    assert f"<memory unit='KiB'>{expected * 1024}</memory>" in bench.domain(server)


def test_resize_down(bench, plain):
    server = bench.server(plain, 'u1.small')
    bench.act(server, 'resize', {'flavorRef': bench.compute.find_flavor('u1.nano').id})
    bench.must_become(server, 'VERIFY_RESIZE')
    must_answer(bench.address(server))
    bench.act(server, 'confirmResize')
    bench.must_become(server, 'ACTIVE')


def test_too_little_memory_is_refused_and_the_server_goes_on(bench, plain):
    server = bench.server(plain)
    tiny = bench.flavor(4)
    with pytest.raises(openstack.exceptions.BadRequestException, match='memory'):
        bench.act(server, 'resize', {'flavorRef': bench.compute.find_flavor(tiny).id})
    bench.must_become(server, 'ACTIVE')
    must_answer(bench.address(server))


def test_too_little_memory_is_refused_also_where_the_image_does_not_tell_the_api(bench, plain_file):
    """min_ram is Glance's; the driver knows what the image itself says."""
    image = bench.image(plain_file, min_ram=0)
    server = bench.server(image)
    tiny = bench.flavor(4)
    bench.act(server, 'resize', {'flavorRef': bench.compute.find_flavor(tiny).id})
    until(lambda: ('compute_resize_instance', 'Error') in bench.events(server)['resize'], 'the resize has failed')
    bench.must_become(server, 'ACTIVE')
    must_answer(bench.address(server))
