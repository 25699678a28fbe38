# SPDX-License-Identifier: Apache-2.0
"""DevStack installs Nova editable, in setuptools' way: a finder that is asked last. The driver's distribution has a
folder of Nova's name in it, so it must be installed so that this folder does not become `nova` to Python."""
import pathlib
import re
import shutil

import pytest

from world import PACKAGES, ROOT, run

NOVA = '''
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "nova"
version = "1"
[tool.setuptools]
packages = ["nova", "nova.virt", "nova.virt.libvirt"]
'''
LOADS = '''
import importlib.util
import nova.virt.libvirt, unikernel_nova
print(nova.__file__)
print(importlib.util.find_spec('nova.virt.unikernel').origin)
'''


def test_the_driver_does_not_hide_an_editable_nova(tmp_path):
    if not all((PACKAGES / name).is_dir() for name in ('pip', 'setuptools', 'wheel')):
        pytest.skip('python3-pip, python3-setuptools or python3-wheel is not installed')
    nova, driver, tools = tmp_path / 'nova', tmp_path / 'nova_driver', tmp_path / 'tools'
    (nova / 'nova/virt/libvirt').mkdir(parents=True)
    (nova / 'pyproject.toml').write_text(NOVA)
    for folder in ('nova', 'nova/virt', 'nova/virt/libvirt'):
        (nova / folder / '__init__.py').touch()
    shutil.copytree(ROOT / 'nova_driver', driver)
    tools.mkdir()
    for pattern in ('setuptools*', 'pkg_resources', '_distutils_hack', 'wheel*'):  # and not the distribution's Nova
        for path in PACKAGES.glob(pattern):
            (tools / path.name).symlink_to(path)
    run(['/usr/bin/python3', '-m', 'venv', '--without-pip', tmp_path / 'venv'])
    python = tmp_path / 'venv/bin/python3'

    plugin = (ROOT / 'devstack/lib/unikernel.sh').read_text()
    options = re.search(r'pip_install (.*)-e "\$UNIKERNEL_DIR/nova_driver"', plugin)[1].split()
    for words in ([nova], [*options, '-e', driver]):
        editable = [] if '-e' in words else ['-e']
        run(['/usr/bin/python3', '-m', 'pip', '--python', python, 'install', '--quiet', '--no-index', '--no-deps',
             '--no-build-isolation', *editable, *words], env={'PATH': '/usr/bin:/bin', 'PYTHONPATH': str(tools)})
    (nova / 'nova/virt/unikernel').symlink_to(driver / 'shim/nova/virt/unikernel')

    found = run([python, '-c', LOADS], cwd='/').splitlines()
    assert found == [str(nova / 'nova/__init__.py'), str(nova / 'nova/virt/unikernel/__init__.py')]
    assert pathlib.Path(found[1]).resolve() == driver / 'shim/nova/virt/unikernel/__init__.py'
