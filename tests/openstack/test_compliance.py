# SPDX-License-Identifier: Apache-2.0
"""`openstack unikernel compliance` says of Nova's servers what is so: before, during and after a rollout."""
import contextlib
import json

import pytest
from lines import Line, guard, states
from servers import must_answer, until

NAME = 'test-guard'
HEALTH = {'health': [{'http': {'path': '/', 'status': 200}}], 'within': '120s'}


@pytest.fixture(scope='module', name='line')
def fixture_line():
    """Two servers, a pinned one, and one of an image that no builder has made."""
    with contextlib.closing(Line(guard(NAME))) as line:
        ordinary = line.user.plain_image(b'an ordinary disk\n' * 1024, 'test-ordinary')
        line.ordinary = line.user.create(ordinary, 'u1.nano', name='ordinary')
        line.one, line.two, line.pinned = line.servers(
            {'name': 'one'}, {'name': 'two'}, {'name': 'pinned', 'metadata': {'unikernel:pinned': 'true'}})
        line.user.must_become(line.ordinary, 'ACTIVE')
        yield line


def report(line, status, *words):
    """{server: row} of the command's JSON; it must end with this status."""
    done = line.someone.command('unikernel', 'compliance', '-f', 'json', *words)
    assert done.returncode == status, done
    rows = {row['ID']: row for row in json.loads(done.stdout)}
    good = sum(row['Compliant'] for row in rows.values())
    assert f'{good} of {len(rows)} servers are in compliance' in done.stderr, done.stderr
    return rows


def requirement(row):
    found, = row['Requirements']
    return found['name'], found['revision'], found['fulfilled'], found['fulfilled_revision']


def test_before_a_change_all_are_in_compliance(line):
    rows = report(line, 0)
    assert set(rows) == {line.one, line.two, line.pinned}
    for server, row in rows.items():
        assert row['Compliant'] and row['Reason'] == 'its image is what is wanted' and row['Status'] == 'ACTIVE'
        assert row['Image ID'] == line.first and row['Pinned'] == (server == line.pinned)
        assert requirement(row) == (NAME, 1, True, 1)


def test_during_a_rollout_it_tells_whose_turn_has_not_come(line, tmp_path):
    line.builder.requirements.update(NAME, guard(NAME, 'another', rollout={**HEALTH, 'pause': '10s'}))
    begun = until(lambda: (now := line.rollout(1)) and 'replaced' in states(now).values() and now, 'one is replaced')
    line.builder.rollouts.pause(begun['id'])
    until(lambda: line.rollout(1)['state'] == 'paused', 'the rollout is paused')
    seen = states(line.rollout(1))
    assert sorted(seen.values()) == ['pending', 'pinned', 'replaced'] and seen[line.pinned] == 'pinned'
    line.replaced, line.pending = (next(id for id, state in seen.items() if state == wanted)
                                   for wanted in ('replaced', 'pending'))
    page = tmp_path / 'report.html'
    rows = report(line, 1, '--html', str(page))
    assert set(rows) == {line.replaced, line.pending, line.pinned}
    assert rows[line.replaced]['Compliant'] and requirement(rows[line.replaced]) == (NAME, 2, True, 2)
    for server in (line.pending, line.pinned):
        row = rows[server]
        assert not row['Compliant'] and requirement(row) == (NAME, 2, False, 1)
        assert f'requirement {NAME}, revision 2, is not met: its image was made under revision 1' in row['Reason']
        assert ('its owner pinned it' in row['Reason']) == row['Pinned'] == (server == line.pinned)
        assert row['Rollout'] == begun['id'] and row['Image ID'] == line.first
    html = page.read_text()
    assert html.startswith('<!DOCTYPE html>') and html.count('its owner pinned it') == 1
    assert all(f'>{row["Name"]}<' in html for row in rows.values()) and 'ordinary' not in html


def test_a_deleted_server_vanishes_for_good(line):
    line.user.delete(line.pending)
    assert set(report(line, 1)) == {line.replaced, line.pinned}
    line.builder.rollouts.resume(line.rollout(1)['id'])
    rollout = line.ended(1)
    assert rollout['state'] == 'succeeded', rollout
    assert states(rollout) == {line.replaced: 'replaced', line.pending: 'gone', line.pinned: 'pinned'}


def test_after_the_rollout_all_are_in_compliance_again(line):
    line.user.compute.delete_server_metadata(line.pinned, ['unikernel:pinned'])
    rollout = line.ended(2)
    assert rollout['state'] == 'succeeded' and states(rollout) == {line.pinned: 'replaced'}, rollout
    done = line.someone.command('unikernel', 'compliance')
    assert done.returncode == 0 and '2 of 2 servers are in compliance' in done.stderr, done
    titles, *rows = [[cell.strip() for cell in text.strip('|').split('|')]
                     for text in done.stdout.splitlines() if text.startswith('|')]
    assert titles == ['Name', 'Compliant', 'Reason', 'Since', 'Not After', 'Requirements']
    assert sorted(row[:2] + row[-1:] for row in rows) == sorted(
        [line.user.show(server).name, 'True', f'{NAME} 2'] for server in (line.replaced, line.pinned))
    must_answer(line.user.address(line.pinned), '/private', 401)


def test_the_others_were_left_alone(line):
    """The deleted one was not made again, the ordinary one not touched."""
    assert {server.id for server in line.user.compute.servers()} == {line.replaced, line.pinned, line.ordinary}
    assert set(line.user.events(line.ordinary)) == {'create'}
    assert line.user.show(line.ordinary).status == 'ACTIVE'
