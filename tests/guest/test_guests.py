# SPDX-License-Identifier: Apache-2.0
"""Boots what tests/guest/README.rst describes: one test for each case and machine type."""

import pathlib
import subprocess

import pytest
import yaml

import images
import machine as machines

HERE = pathlib.Path(__file__).parent


def linux_cases():
    """The same programs on the host, with the case's `linux` as arguments."""
    for file in sorted(HERE.glob('*/*/test.yaml')):
        test = yaml.safe_load(file.read_text())
        for name, case in test['cases'].items():
            if 'linux' in case:
                yield pytest.param(file.parent, test, case,
                                   id=f'{file.parent.parent.name}/{file.parent.name}-{name}')


@pytest.mark.parametrize('folder, test, case', list(linux_cases()))
def test_the_host_prints_the_same(tmp_path, folder, test, case):
    program = tmp_path / folder.name
    subprocess.run(['g++', f"-std={test.get('language', 'c++20')}", '-O2', '-pthread', '-o', program,
                    *(folder / source for source in test['application'])], check=True, timeout=300)
    done = subprocess.run([program, *case['linux']], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=case.get('timeout', 20), check=True)
    # What the platform says, and lines after `linux_until` (nothing to compare there), are not the program's.
    expected = [line for line in case['console'] if not line.startswith('u0: ')]
    if 'linux_until' in case:
        expected = expected[:expected.index(case['linux_until']) + 1]
    machines.check_console(done.stdout.splitlines(), expected, to_the_end=True)


def cases():
    for file in sorted(HERE.glob('*/*/test.yaml')):
        test = yaml.safe_load(file.read_text())
        for name, case in test['cases'].items():
            for machine in case.get('machines', ['pc']):
                yield pytest.param(file.parent, name, machine, marks=pytest.mark.xdist_group(str(file.parent)),
                                   id=f'{file.parent.parent.name}/{file.parent.name}-{name}-{machine}')


@pytest.fixture(scope='session')
def built(tmp_path_factory):
    """folder -> (test, image), each built once; a failed build fails every case that needs it."""
    results = {}

    def get(folder):
        if folder not in results:
            test = yaml.safe_load((folder / 'test.yaml').read_text())
            try:
                results[folder] = test, images.build(folder, test, tmp_path_factory.mktemp(folder.name))
            except AssertionError as error:
                results[folder] = test, error
        test, image = results[folder]
        if isinstance(image, AssertionError):
            raise image
        return test, image

    return get


@pytest.mark.parametrize('folder, name, machine', list(cases()))
def test_guest(built, tmp_path, folder, name, machine):
    test, image = built(folder)
    case = test['cases'][name]
    seconds = case.get('timeout', 20)
    with machines.Machine(image, tmp_path, case, machine, 'http' in case) as guest:
        for request in case.get('http', []):
            assert guest.get(request['path'], seconds) == request['status'], guest.console()
        if 'http' not in case:
            guest.wait(seconds)
        machines.check_console(guest.console(), case['console'], to_the_end='http' not in case)
