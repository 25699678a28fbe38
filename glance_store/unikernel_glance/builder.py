# SPDX-License-Identifier: Apache-2.0
"""The builder as a request's user, or as Glance itself where there is no user."""
import threading

from keystoneauth1 import loading
from keystoneauth1 import service_token
from keystoneauth1 import token_endpoint
from keystoneauth1.access import service_catalog
from unikernelclient.client import Client

from unikernel_glance import options


class Builder:
    """Makes clients from a section of the configuration; one session for all, thread-safe."""

    def __init__(self, conf, group=options.GROUP):
        options.register(conf, group)
        self._conf, self._group = conf, group
        self._lock = threading.Lock()
        self._session = None

    @property
    def settings(self):
        return self._conf[self._group]

    def session(self):
        """The keystoneauth1 session; its plugin is the service account, or None if there is none.

        Raises what keystoneauth1.loading raises if the section is incomplete.
        """
        with self._lock:
            if self._session is None:
                account = loading.load_auth_from_conf_options(self._conf, self._group)
                self._session = loading.load_session_from_conf_options(self._conf, self._group, auth=account)
            return self._session

    def client(self, context=None):
        """A unikernelclient Client that acts as the user of Glance's request context.

        A user's token goes along with the service account's, so that it is good until a long build has ended.
        Without a user's token the service account acts.
        """
        session, settings = self.session(), self.settings
        token = getattr(context, 'auth_token', None)
        request_id = getattr(context, 'global_id', None)
        if not token:
            return Client(session, region_name=settings.region_name, interface=settings.valid_interfaces,
                          endpoint_override=settings.endpoint_override, global_request_id=request_id)
        endpoint = settings.endpoint_override or self._endpoint(context)
        user = token_endpoint.Token(endpoint, token)
        auth = user if session.auth is None else service_token.ServiceTokenAuthWrapper(user, session.auth)
        return Client(session, endpoint_override=endpoint, global_request_id=request_id, auth=auth)

    def _endpoint(self, context):
        """From the user's catalogue, which keystonemiddleware hands over in the form of version 2."""
        catalog = service_catalog.ServiceCatalogV2(getattr(context, 'service_catalog', None) or [])
        return catalog.url_for(service_type=self.settings.service_type, interface=self.settings.valid_interfaces,
                               region_name=self.settings.region_name)
