# SPDX-License-Identifier: Apache-2.0
"""Options of nova.conf's section [unikernel]."""
from oslo_config import cfg

GROUP = 'unikernel'

OPTIONS = (
    cfg.IntOpt('max_image_size', default=256 * 1024 * 1024, min=4096,
               help='Size in bytes over which an image is refused before it is fetched or booted.'),
    cfg.BoolOpt('wait_for_port', default=True,
                help='Whether a unikernel may run only after Neutron says that its port is wired, as any other server. '
                     'Without it the server is there sooner: a unikernel knows its address and asks no DHCP server for '
                     'it. Say false only where no packet passes a port that is not wired yet, which is so for Open '
                     'vSwitch and OVN, or where ports are not filtered at all: otherwise security groups come late. '
                     'A port that cannot be wired is then no longer a failure of the server either.'),
)


def register(conf):
    conf.register_opts(OPTIONS, group=GROUP)


def list_opts():
    """For oslo.config's sample generator."""
    return [(GROUP, OPTIONS)]
