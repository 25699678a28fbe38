# SPDX-License-Identifier: Apache-2.0
"""Configuration of glance-api: the section that says where the builder is and as whom to call it."""
import copy

from keystoneauth1 import loading
from oslo_config import cfg

GROUP = 'unikernel'

IMPORT_OPTS = [
    cfg.IntOpt('build_timeout', default=1800, min=1,
               help='Seconds an import waits for its build, time in the queue included. Then the build is cancelled '
                    'and the import fails.'),
    cfg.IntOpt('unavailable_timeout', default=60, min=0,
               help='Seconds an import waits for a builder that does not answer or refuses for the moment (it starts '
                    'again, its queue is full). Then the import fails.'),
]


def register(conf, group=GROUP):
    """Registers the section's options; those of keystoneauth1 have their usual names."""
    conf.register_opts(IMPORT_OPTS, group)
    loading.register_session_conf_options(conf, group)
    loading.register_auth_conf_options(conf, group)
    loading.register_adapter_conf_options(conf, group, include_deprecated=False)
    conf.set_default('service_type', 'unikernel', group)
    conf.set_default('valid_interfaces', ['internal', 'public'], group)


def list_opts():
    """For oslo-config-generator."""
    options = IMPORT_OPTS + loading.get_session_conf_options() + loading.get_auth_common_conf_options()
    options += loading.get_auth_plugin_conf_options('password')
    options += loading.get_adapter_conf_options(include_deprecated=False)
    return [(GROUP, copy.deepcopy(options))]
