# SPDX-License-Identifier: Apache-2.0
"""Files of the plugin and of the service's installation, without running a phase."""
import json
import shutil
import subprocess

import pytest

from world import ROOT, run


def test_shellcheck_finds_nothing():
    if shutil.which('shellcheck') is None:
        pytest.skip('shellcheck is not installed')
    # files without a suffix, which the stage "style" does not know as shell scripts
    run(['shellcheck', '--shell', 'bash', ROOT / 'devstack/settings', ROOT / 'devstack/plugin.sh',
         ROOT / 'devstack/lib/unikernel.sh'])


def test_bindep_lists_what_the_builder_is_built_and_run_with():
    script = (ROOT / 'tools/install-dependencies.sh').read_text()
    table = script[script.index('declare -A packages'):script.index('\n)\n') + 3]
    wanted = run(['bash', '-c', table + 'echo ${packages[build]} ${packages[run]}']).split()
    lines = [line for line in (ROOT / 'devstack/files/bindep.txt').read_text().splitlines() if line[:1] != '#']
    assert sorted(lines) == sorted(f'{name} [platform:dpkg]' for name in set(wanted))


def test_flavors_and_metadata_definitions_are_json():
    assert json.loads((ROOT / 'devstack/files/flavors.json').read_text())
    for file in (ROOT / 'devstack/files/metadefs').glob('*.json'):
        assert json.loads(file.read_text())['namespace'] == 'OS::Compute::Unikernel'


def test_systemd_understands_the_unit(tmp_path):
    if shutil.which('systemd-analyze') is None:
        pytest.skip('systemd-analyze is not installed')
    unit = (ROOT / 'builder_service/packaging/unikernel-builder.service').read_text()
    program = tmp_path / 'unikernel-builder'
    program.write_text('#!/bin/sh\n')
    program.chmod(0o755)
    # `verify` resolves the account and the program on this machine, where the product is not installed.
    (tmp_path / 'unikernel-builder.service').write_text(
        unit.replace('ExecStart=unikernel-builder', f'ExecStart={program}').replace('User=unikernel', 'User=daemon'))
    done = subprocess.run(['systemd-analyze', 'verify', '--recursive-errors=no',
                           tmp_path / 'unikernel-builder.service'], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, '')
