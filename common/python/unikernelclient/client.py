# SPDX-License-Identifier: Apache-2.0
"""The builder service's REST API (doc/source/contributor/rest-api.rst), thinly."""

from unikernelclient import resources
from unikernelclient.transport import Transport


class Client:
    """``Client(session).builds.create(...)``; raises ``unikernelclient.exceptions`` only.

    session: keystoneauth1 session. Without Keystone: one with the ``none`` plugin, or none and
    ``endpoint_override``. endpoint_override: URL without version. global_request_id: "req-<uuid>", goes into
    every service's log. auth: plugin other than the session's, as of a user a service works for.
    Thread-safe as far as the session is.
    """

    def __init__(self, session, region_name=None, interface="public", endpoint_override=None,
                 global_request_id=None, auth=None):
        transport = Transport(session, region_name=region_name, interface=interface,
                              endpoint_override=endpoint_override, global_request_id=global_request_id, auth=auth)
        self.bundles = resources.Bundles(transport)
        self.builds = resources.Builds(transport)
        self.images = resources.Images(transport)
        self.modules = resources.Modules(transport)
        self.platforms = resources.Platforms(transport)
        self.requirements = resources.Requirements(transport)
        self.rollouts = resources.Rollouts(transport)
        self.compliance = resources.Compliance(transport)
