# SPDX-License-Identifier: Apache-2.0
import pytest
from unikernel_nova import command_line
from unikernel_nova.refusal import Refused


def vif(ips=('10.24.0.12',), cidr='10.24.0.0/24', gateway='10.24.0.1', dns=('10.24.0.1',), mtu=1450):
    return {'address': 'fa:16:3e:00:00:01', 'network': {'meta': {'mtu': mtu}, 'subnets': [{
        'cidr': cidr, 'gateway': {'address': gateway}, 'dns': [{'address': address} for address in dns],
        'ips': [{'address': address} for address in ips]}]}}


def line(network_info, name='web', args=''):
    return command_line.render('u0', command_line.networks(network_info), name, args)


def test_everything_that_neutron_knows_is_rendered():
    assert line([vif()], args='--verbose 3') == \
        'net.ip=10.24.0.12/24 net.gw=10.24.0.1 net.dns=10.24.0.1 net.mtu=1450 net.host=web -- --verbose 3'


def test_what_is_not_known_is_left_out():
    assert line([vif(gateway=None, dns=(), mtu=None)], name=None) == 'net.ip=10.24.0.12/24'
    assert line([], name=None) == ''
    assert line([vif(ips=())]) == 'net.mtu=1450 net.host=web'


def test_ipv4_is_chosen_where_a_port_has_both():
    both = vif(gateway='fe80::1', dns=('2001:db8::53', '10.24.0.53'))
    both['network']['subnets'].insert(0, {'cidr': '2001:db8::/64', 'gateway': {'address': 'fe80::1'}, 'dns': [],
                                          'ips': [{'address': '2001:db8::12'}]})
    assert line([both]) == 'net.ip=10.24.0.12/24 net.dns=10.24.0.53 net.mtu=1450 net.host=web'


@pytest.mark.parametrize('text, name', [
    ('web-1', 'web-1'), ('web.example.org', 'web-example-org'), ('net.ip=6.6.6.6/8 --', 'net-ip-6-6-6-6-8'),
    ('a\nb\x00c', 'a-b-c'), ('', None), (None, None), ('---', None), ('x' * 80, 'x' * 63), ('\u00fcber', 'ber'),
])
def test_host_names_keep_letters_digits_and_hyphens(text, name):
    assert command_line.host_name(text) == name


def test_arguments_come_from_one_key_as_one_line():
    assert command_line.arguments({'unikernel:arguments': '  --a   b ', 'other': 'x'}) == '--a b'
    assert command_line.arguments({}) == command_line.arguments(None) == ''


@pytest.mark.parametrize('text', ['a\nb', 'a\x00b', 'a\tb', '\u2028', 'caf\u00e9', '\x7f'])
def test_arguments_with_other_characters_are_refused(text):
    with pytest.raises(Refused, match='U\\+'):
        command_line.arguments({'unikernel:arguments': text})


def test_arguments_cannot_become_the_platforms_words():
    rendered = line([vif()], args=command_line.arguments({'unikernel:arguments': 'net.ip=6.6.6.6/8 -- net.gw=6.6.6.1'}))
    assert rendered.split(' -- ', 1) == [
        'net.ip=10.24.0.12/24 net.gw=10.24.0.1 net.dns=10.24.0.1 net.mtu=1450 net.host=web',
        'net.ip=6.6.6.6/8 -- net.gw=6.6.6.1']


def test_the_maximum_length_is_kept():
    longest = command_line.U0_MAX - len(line([vif()], args='x')) + 1
    assert len(line([vif()], args='x' * longest)) == command_line.U0_MAX
    with pytest.raises(Refused, match='over the maximum'):
        line([vif()], args='x' * (longest + 1))


@pytest.mark.parametrize('network_info, reason', [
    ([vif(), vif()], 'has 2 network interfaces'),
    ([vif(mtu=65536)], 'MTU 65536'),
    ([vif(ips=('10.24.0.12 net.gw=1.2.3.4',))], 'configuration'),
    ([vif(gateway='10.24.0.1 -- x')], 'configuration'),
    ([vif(cidr='10.24.0.0/99')], 'configuration'),
])
def test_networks_that_cannot_be_rendered_are_refused(network_info, reason):
    with pytest.raises(Refused, match=reason):
        line(network_info)


def test_an_unknown_syntax_is_refused():
    with pytest.raises(Refused, match="'osv' is not known here; known are u0"):
        command_line.render('osv', [], None, '')
