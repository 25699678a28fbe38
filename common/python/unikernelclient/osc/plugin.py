# SPDX-License-Identifier: Apache-2.0
"""What the openstack client asks of a plugin (osc-lib, "Plugins")."""

from osc_lib import utils

from unikernelclient.client import Client

API_NAME = "unikernel"
API_VERSION_OPTION = "os_unikernel_api_version"
DEFAULT_API_VERSION = "1"
API_VERSIONS = {"1": "unikernelclient.client.Client"}


def make_client(instance):
    """The client over the session that the openstack client has set up."""
    return Client(instance.session, region_name=instance.region_name, interface=instance.interface,
                  endpoint_override=instance.sdk_connection.config.get_endpoint(API_NAME))


def build_option_parser(parser):
    parser.add_argument("--os-unikernel-api-version", metavar="<unikernel-api-version>",
                        default=utils.env("OS_UNIKERNEL_API_VERSION", default=DEFAULT_API_VERSION),
                        help=f"Unikernel API version, default={DEFAULT_API_VERSION} (Env: OS_UNIKERNEL_API_VERSION)")
    return parser
