# SPDX-License-Identifier: Apache-2.0
"""Keys of INI files for the stand-ins of iniset, iniget and inidelete; lines it does not touch stay as they are."""
import pathlib
import re
import sys


def lines_of(file):
    return file.read_text().splitlines() if file.exists() else []


def find(lines, section, key):
    """Line of [section] or None, and line of the key in it or None."""
    start = next((at for at, line in enumerate(lines) if line == f'[{section}]'), None)
    if start is None:
        return None, None
    for at in range(start + 1, len(lines)):
        if lines[at].startswith('['):
            break
        if re.match(rf'{re.escape(key)}[ \t]*=', lines[at]):
            return start, at
    return start, None


def main(verb, name, section, key, value=''):
    file = pathlib.Path(name)
    lines = lines_of(file)
    start, at = find(lines, section, key)
    if verb == 'get':
        print('' if at is None else lines[at].split('=', 1)[1].strip())
        return
    if verb == 'delete':
        if at is None:
            return
        del lines[at]
    elif at is not None:
        lines[at] = f'{key} = {value}'
    elif start is not None:
        lines.insert(start + 1, f'{key} = {value}')
    else:
        lines += ['', f'[{section}]', f'{key} = {value}']
    file.write_text('\n'.join(lines) + '\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
