# SPDX-License-Identifier: Apache-2.0
"""Renders what the control plane knows into a kernel's command line, in the syntax that the image names.

Nothing of it may break out: addresses are rendered from parsed values, the host name is cut down
to the letters of RFC 952/1123, and a user's arguments come after ``--``, where the platform
interprets nothing (doc/source/contributor/image.rst, "Command line").
"""
import dataclasses
import ipaddress
import re

from unikernel_nova.refusal import Refused

# The key of server metadata that holds the application's arguments.
ARGUMENTS_KEY = 'unikernel:arguments'

MIN_MTU, MAX_MTU = 68, 9000  # bytes
MAX_HOST_NAME = 63  # bytes, one label


@dataclasses.dataclass(frozen=True)
class Network:
    """One interface's IPv4 configuration; None where the network has none."""
    address: str = None  # with prefix length, "10.24.0.12/24"
    gateway: str = None
    dns: str = None
    mtu: int = None
    mac: str = None


def networks(network_info):
    """The interfaces of an instance, in Nova's order.

    network_info: Nova's NetworkInfo, a list of VIFs, each a dict (nova.network.model); only its
    dict nature is used.  The first IPv4 address of an interface counts.  Raises Refused on
    values that are no addresses.
    """
    return [_network(vif) for vif in network_info or []]


def _network(vif):
    network = vif.get('network') or {}
    mtu = (network.get('meta') or {}).get('mtu')
    for subnet in network.get('subnets') or []:
        for ip in subnet.get('ips') or []:
            address = _parse(ipaddress.ip_address, ip['address'])
            if address.version != 4:
                continue
            prefix = _parse(ipaddress.ip_network, subnet['cidr']).prefixlen
            return Network(address=f'{address}/{prefix}', gateway=_ipv4((subnet.get('gateway') or {}).get('address')),
                           dns=next(filter(None, (_ipv4(dns['address']) for dns in subnet.get('dns') or [])), None),
                           mtu=mtu, mac=vif.get('address'))
    return Network(mtu=mtu, mac=vif.get('address'))


def _parse(parser, text):
    try:
        return parser(text)
    except ValueError as error:
        raise Refused(f'the network\'s configuration: {error}') from error


def _ipv4(text):
    if not text:
        return None
    address = _parse(ipaddress.ip_address, text)
    return str(address) if address.version == 4 else None


def host_name(text):
    """`text` with all but letters, digits and hyphens replaced, or None if nothing is left."""
    name = re.sub(r'[^A-Za-z0-9-]+', '-', text or '').strip('-')[:MAX_HOST_NAME].strip('-')
    return name or None


def arguments(metadata):
    """The application's arguments from server metadata, one line of printable ASCII; '' if there are none."""
    text = (metadata or {}).get(ARGUMENTS_KEY, '')
    bad = next((char for char in text if not ' ' <= char <= '~'), None)
    if bad is not None:
        raise Refused(f'metadata {ARGUMENTS_KEY}: character U+{ord(bad):04X} is no printable ASCII character')
    return ' '.join(text.split())


def render(syntax, interfaces, name, args):
    """The command line.

    syntax: as the image names it; interfaces: Networks; name: a host name as `host_name` gives
    it, or None; args: as `arguments` gives them.  Raises Refused, among others if it gets too long.
    """
    if syntax not in SYNTAXES:
        raise Refused(f'command line syntax {syntax!r} is not known here; known are {", ".join(sorted(SYNTAXES))}')
    return SYNTAXES[syntax](interfaces, name, args)


# The platform takes 2,047 bytes; under multiboot QEMU puts the kernel's path in front.
U0_MAX = 2047 - 256  # bytes


def _render_u0(interfaces, name, args):
    if len(interfaces) > 1:
        raise Refused(f'the server has {len(interfaces)} network interfaces; platform u0 drives one')
    words = []
    if interfaces:
        network = interfaces[0]
        words += [f'net.ip={network.address}'] if network.address else []
        words += [f'net.gw={network.gateway}'] if network.gateway else []
        words += [f'net.dns={network.dns}'] if network.dns else []
        words += [f'net.mtu={_mtu(network.mtu)}'] if network.mtu else []
    words += [f'net.host={name}'] if name else []
    words += ['--', args] if args else []
    line = ' '.join(words)
    if len(line) > U0_MAX:
        raise Refused(f'the command line has {len(line)} bytes, over the maximum {U0_MAX}')
    return line


def _mtu(value):
    if not MIN_MTU <= int(value) <= MAX_MTU:
        raise Refused(f'the network\'s MTU {value} is not between {MIN_MTU} and {MAX_MTU}')
    return int(value)


SYNTAXES = {'u0': _render_u0}
