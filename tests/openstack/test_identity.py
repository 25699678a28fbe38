# SPDX-License-Identifier: Apache-2.0
"""Who the builder of the cloud listens to: tokens of the cloud's real Keystone, through the public door."""
import contextlib
import datetime
import io
import json
import time
import urllib.error
import urllib.request

import openstack
import pytest
from bundles import packed
from servers import ROOT, until
from services import Someone, log, stopped
from unikernelclient.client import Client

DOOR = 'http://127.0.0.1:8770'


def ask(path, token=None, **headers):
    """(status, headers, body) of a GET; OpenStack's header names with _ for -."""
    sent = {name.replace('_', '-'): value for name, value in headers.items()}
    if token:
        sent['X-Auth-Token'] = token
    try:
        with urllib.request.urlopen(urllib.request.Request(DOOR + path, headers=sent), timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def code(answer):
    return answer[0], json.loads(answer[2])['errors'][0]['code']


@pytest.fixture(name='people')
def fixture_people():
    """people(role...): a new user with these roles in a project of his own."""
    with contextlib.ExitStack() as later:
        def make(*roles):
            someone = Someone(roles)
            later.callback(someone.close)
            return someone
        yield make


@pytest.fixture(scope='module', name='admin')
def fixture_admin():
    return openstack.connect()


def client(connection):
    return Client(connection.session, region_name='RegionOne')


def test_the_catalogue_leads_to_the_door(admin):
    assert admin.session.get_endpoint(service_type='unikernel', interface='public') == DOOR


def test_versions_and_health_are_for_everybody():
    status, _, body = ask('/')
    assert (status, json.loads(body)['versions'][0]['links'][0]['href']) == (300, DOOR + '/v1/')
    assert ask('/healthcheck')[0] == 200


@pytest.mark.parametrize('token', [None, 'nonsense', 'gAAAAABnonsense'])
def test_without_a_token_there_is_keystones_challenge(token):
    answer = ask('/v1/builds', token)
    assert code(answer) == (401, 'identity.unauthorized')
    assert answer[1]['WWW-Authenticate'].startswith('Keystone uri="http://127.0.0.1:5000')


def test_a_revoked_token(people):
    connection = people('member').connect()
    token = connection.authorize()
    openstack.exceptions.raise_from_response(
        connection.identity.delete('/auth/tokens', headers={'X-Subject-Token': token}))
    assert ask('/v1/builds', token)[0] == 401


def test_an_expired_token_is_refused(people, admin):
    someone = people('member')
    own = someone.connect()
    end = datetime.datetime.utcnow() + datetime.timedelta(seconds=8)
    credential = own.identity.create_application_credential(
        someone.user.id, name='short', roles=[{'name': 'member'}], expires_at=end.strftime('%Y-%m-%dT%H:%M:%SZ'))
    token = someone.connect(application_credential_id=credential.id,
                            application_credential_secret=credential.secret).authorize()
    assert ask('/v1/builds', token)[0] == 200
    expires = admin.identity.get('/auth/tokens', headers={'X-Subject-Token': token}).json()['token']['expires_at']
    if datetime.datetime.fromisoformat(expires.rstrip('Z')) > end + datetime.timedelta(seconds=1):
        pytest.skip(f'this Keystone gives tokens that outlive their application credential: {expires}')
    time.sleep(max(0, (end - datetime.datetime.utcnow()).total_seconds()) + 1)
    assert ask('/v1/builds', token)[0] == 401


def test_a_user_without_a_role_that_counts(people, admin):
    someone = people()
    role = admin.identity.find_role('test-bystander') or admin.identity.create_role(name='test-bystander')
    admin.identity.assign_project_role_to_user(someone.project, someone.user, role)
    assert code(ask('/v1/builds', someone.connect().authorize())) == (403, 'policy.forbidden')


def test_readers_look_and_do_not_build(people):
    connection = people('reader').connect()
    assert list(client(connection).builds.list()) == []
    with pytest.raises(Exception, match='policy.forbidden'):
        client(connection).bundles.create(io.BytesIO(b'x'))


def test_another_projects_things_are_not_there(people):
    mine, theirs = people('member', 'manager').connect(), people('member', 'manager').connect()
    digest = client(mine).bundles.create(packed(ROOT / 'examples/hello-world'))
    build = client(mine).builds.wait(client(mine).builds.create(digest, boot_check=False)['id'])
    assert build['state'] == 'succeeded', build
    client(mine).requirements.create({
        'name': 'test-mine', 'applies_to': {'labels': {'tier': 'test'}}, 'modules': {'console': {}}})
    try:
        token = theirs.authorize()
        for path in (f"/v1/builds/{build['id']}", f"/v1/builds/{build['id']}/events", f"/v1/images/{build['image']}",
                     f"/v1/images/{build['image']}/file", '/v1/requirements/test-mine'):
            assert ask(path, token)[0] == 404, path
            assert ask(path, mine.authorize())[0] == 200, path
        with pytest.raises(Exception, match='bundle.unknown'):
            client(theirs).builds.create(digest)
    finally:
        client(mine).requirements.delete('test-mine')


def test_keystone_is_away(people, admin):
    """Whom the builder knows it still answers; others are told to come again."""
    known, unknown = admin.authorize(), people('member').connect().authorize()
    assert ask('/v1/builds', known)[0] == 200
    with stopped('keystone'):
        assert ask('/v1/builds', known)[0] == 200
        answer = ask('/v1/builds', unknown)
        assert code(answer) == (503, 'identity.unavailable') and answer[1]['Retry-After']
    until(lambda: ask('/v1/builds', unknown)[0] == 200, 'Keystone is found again')


def test_the_request_id_of_the_caller_is_in_the_log(admin):
    mine = 'req-01234567-89ab-cdef-0123-456789abcdef'
    answer = ask('/v1/builds', admin.authorize(), X_OpenStack_Request_Id=mine)
    assert answer[1]['X-OpenStack-Request-Id'] != mine
    assert mine in log('unikernel-builder')
