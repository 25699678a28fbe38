#!/usr/bin/env -S python3 -I
# SPDX-License-Identifier: Apache-2.0
"""The programs beyond DevStack's functions, under whose names this file is linked: each call is recorded.

sudo runs its command; pip and cmake do the real thing without a network and without compiling; openstack remembers
what was created; systemctl knows units by their files; the others do nothing.
"""
import json
import os
import pathlib
import sys

RECORDS = pathlib.Path(os.environ['RECORDS'])
DISTRIBUTION = {'-i': 'Debian', '-r': '12', '-c': 'bookworm'}


def record(name, words):
    with open(RECORDS / 'calls', 'a', encoding='utf-8') as calls:
        calls.write(json.dumps([name, *words]) + '\n')


def sudo(words):
    while words and (words[0] in ('-H', '-E', '--') or '=' in words[0]):
        words = words[1:]
    os.execvp(words[0], words)


def pip(words):
    """Into the virtual environment this pip is in; what DevStack constrains is in the distribution already."""
    if '-c' in words:
        at = words.index('-c')
        words = words[:at] + words[at + 2:]
    venv = pathlib.Path(sys.argv[0]).parent
    arguments = ['--no-deps', '--no-index', '--no-build-isolation', '--quiet'] if words[0] == 'install' else []
    os.execv('/usr/bin/python3', ['python3', '-m', 'pip', '--python', venv / 'python3', words[0], *arguments,
                                  *words[1:]])


def cmake(words):
    """Installs from the tests' build folder what is configured and built elsewhere."""
    memory = RECORDS / 'cmake-prefix'
    for word in words:
        if 'CMAKE_INSTALL_PREFIX=' in word:  # -D and this may be two words or one
            memory.write_text(word.split('=', 1)[1])
    if words[0] == '--install':
        os.execv('/usr/bin/cmake', ['/usr/bin/cmake', '--install', os.environ['UNIKERNEL_BUILD_DIR'], '--prefix',
                                    memory.read_text()])


def openstack(words):
    """`show` finds and `list` prints what `create` was given; options are no part of a name."""
    if words[0] == '--os-cloud':
        words = words[2:]
    plain = []
    for at, word in enumerate(words):
        if not word.startswith('-') and (at == 0 or not words[at - 1].startswith('-') or words[at - 1] == '--or-show'):
            plain.append(word)
    options = {words[at]: words[at + 1] for at in range(len(words) - 1) if words[at].startswith('--')}
    verb = next((word for word in ('create', 'show', 'list') if word in plain), None)
    if plain[:3] == ['unikernel', 'build', 'create']:
        plain, verb = ['image', 'create', pathlib.Path(options['--spec']).name], 'create'  # what it ends with
    if verb is None:
        return 0
    kind = ' '.join(plain[:plain.index(verb)])
    name = ' '.join(plain[plain.index(verb) + 1:])
    if kind == 'endpoint':
        name = ' '.join([options['--service'], options['--interface']] if verb == 'list' else name.split()[:2])
    known = RECORDS / 'openstack'
    names = known.read_text().splitlines() if known.exists() else []
    there = f'{kind} {name}' in names
    if verb == 'create' and not there:
        known.write_text('\n'.join([*names, f'{kind} {name}']) + '\n')
    if there or verb == 'create':
        print(f'id-of-{name.replace(" ", "-")}')
    return 0 if there or verb != 'show' else 1


def systemctl(words):
    enabled = RECORDS / 'enabled'
    names = set(enabled.read_text().split()) if enabled.exists() else set()
    verb, unit = words[0], words[-1]
    if verb == 'is-enabled':
        return 0 if unit in names else 1
    if verb in ('enable', 'disable'):
        enabled.write_text('\n'.join(names | {unit} if verb == 'enable' else names - {unit}))
    return 0


def main():
    name, words = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
    record(name, words)
    if name == 'lsb_release':
        print(DISTRIBUTION[words[0]])
    if name == 'curl':
        print('200', end='')
    action = {'sudo': sudo, 'pip': pip, 'cmake': cmake, 'openstack': openstack, 'systemctl': systemctl}.get(name)
    return action(words) if action else 0


if __name__ == '__main__':
    sys.exit(main())
