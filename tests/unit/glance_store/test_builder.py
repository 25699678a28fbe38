# SPDX-License-Identifier: Apache-2.0
"""Whose token goes to the builder, and where the builder is."""
import http.server
import json
import threading
import types

from keystoneauth1 import exceptions as keystone_exceptions
from keystoneauth1 import loading
from oslo_config import cfg
import pytest

from unikernel_glance import builder, options

USER = types.SimpleNamespace(auth_token='the-users', global_id='req-' + '1' * 8 + '-1111-1111-1111-' + '1' * 12)
ACCOUNT = 'auth_type = admin_token\ntoken = the-accounts\nendpoint = {url}\n'


@pytest.fixture(name='listener')
def fixture_listener():
    """What answers in the builder's place and keeps the heads of what it is asked."""
    heads = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            heads.append(self.headers)
            body = json.dumps({'id': 'b'}).encode()
            self.send_response(200)
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield types.SimpleNamespace(url=f'http://127.0.0.1:{server.server_port}', heads=heads)
    server.shutdown()
    server.server_close()


@pytest.fixture(name='configured')
def fixture_configured(tmp_path, listener):
    """configured(lines): a Builder of a section with these lines."""
    def configured(lines):
        path = tmp_path / 'glance-api.conf'
        path.write_text('[unikernel]\n' + lines.format(url=listener.url))
        conf = cfg.ConfigOpts()
        conf(['--config-file', str(path)])
        return builder.Builder(conf)
    return configured


def asked(listener, client):
    client.builds.get('b')
    return listener.heads[-1]


def test_a_user_acts_and_the_account_vouches(configured, listener):
    head = asked(listener, configured('endpoint_override = {url}\n' + ACCOUNT).client(USER))
    assert (head['X-Auth-Token'], head['X-Service-Token']) == ('the-users', 'the-accounts')
    assert head['X-Openstack-Request-Id'] == USER.global_id


def test_without_an_account_the_user_acts_alone(configured, listener):
    head = asked(listener, configured('endpoint_override = {url}\n').client(USER))
    assert (head['X-Auth-Token'], head['X-Service-Token']) == ('the-users', None)


@pytest.mark.parametrize('context', [None, types.SimpleNamespace(auth_token=None)])
def test_without_a_user_the_account_acts(configured, listener, context):
    head = asked(listener, configured('endpoint_override = {url}\n' + ACCOUNT).client(context))
    assert (head['X-Auth-Token'], head['X-Service-Token']) == ('the-accounts', None)


def catalogue(**urls):
    return types.SimpleNamespace(auth_token='the-users', service_catalog=[
        {'type': 'unikernel', 'name': 'unikernel', 'endpoints': [{'region': 'RegionOne', **urls}]}])


def test_the_users_catalogue_says_where_the_builder_is(configured, listener):
    made = configured('region_name = RegionOne\n')
    context = catalogue(internalURL=listener.url, publicURL='http://127.0.0.1:9')
    assert asked(listener, made.client(context))['X-Auth-Token'] == 'the-users'
    assert asked(listener, made.client(catalogue(publicURL=listener.url)))['X-Auth-Token'] == 'the-users'


def test_a_catalogue_without_the_builder_is_an_error(configured):
    for context in (USER, catalogue()):
        with pytest.raises(keystone_exceptions.ClientException):
            configured('').client(context)


def test_the_samples_options_are_those_that_are_read(configured):
    """What oslo-config-generator writes, apart from an account's own options, is known to a configuration."""
    (group, sample), = options.list_opts()
    known = configured('').settings
    of_accounts = {option.name for option in loading.get_auth_plugin_conf_options('password')}
    assert group == 'unikernel'
    assert not {option.dest for option in sample if option.name not in of_accounts} - set(known)
    assert {'endpoint_override', 'build_timeout', 'unavailable_timeout', 'auth_type'} <= {o.dest for o in sample}
