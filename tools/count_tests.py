#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The closing line of the tests: adds up files in JUnit's format, as pytest and ctest write them.

usage: count_tests.py FILE...
"""
import sys
import xml.etree.ElementTree


def counted(path):
    """(tests, failed, skipped) of one file."""
    root = xml.etree.ElementTree.parse(path).getroot()
    suites = [root] if root.tag == 'testsuite' else root.findall('testsuite')
    tests = sum(int(suite.get('tests', 0)) for suite in suites)
    failed = sum(int(suite.get(kind, 0)) for suite in suites for kind in ('failures', 'errors'))
    skipped = sum(int(suite.get(kind, 0)) for suite in suites for kind in ('skipped', 'disabled'))
    return tests, failed, skipped


def main(paths):
    tests, failed, skipped = (sum(numbers) for numbers in zip(*map(counted, paths)))
    print(f'\n{skipped} skipped (each says why, above)\n{tests - failed - skipped} passed, {failed} failed')


if __name__ == '__main__':
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
