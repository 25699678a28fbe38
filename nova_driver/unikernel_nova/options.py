# SPDX-License-Identifier: Apache-2.0
"""Options of nova.conf's section [unikernel]."""
from oslo_config import cfg

GROUP = 'unikernel'

OPTIONS = (
    cfg.IntOpt('max_image_size', default=256 * 1024 * 1024, min=4096,
               help='Size in bytes over which an image is refused before it is fetched or booted.'),
)


def register(conf):
    conf.register_opts(OPTIONS, group=GROUP)


def list_opts():
    """For oslo.config's sample generator."""
    return [(GROUP, OPTIONS)]
