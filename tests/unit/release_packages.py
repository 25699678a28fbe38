# SPDX-License-Identifier: Apache-2.0
"""Fetches a Python package of OpenStack from a Debian release or the Python index, unpacked and not installed.

apt does it with lists and directories of its own, so the machine's configuration stays as it is.
The mirror is the one that the machine itself uses.
"""
import subprocess
import sys
import zipfile

TIMEOUT = 300  # seconds, each command
KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
PYTHON_INDEX = 'the Python index'


class Unreachable(Exception):
    """There is no apt or pip here, or no mirror or index that answers."""


def machines_mirror():
    """URI of the Debian archive the machine is configured with."""
    listed = _run(['apt-get', 'indextargets', 'Created-By: Packages', '--format',
                   '$(REPO_URI)|$(ORIGIN)|$(COMPONENT)|$(CODENAME)'])
    for line in listed.splitlines():
        uri, origin, component, codename = line.split('|')
        if origin == 'Debian' and component == 'main' and '-' not in codename:
            return uri
    raise Unreachable('this machine has no Debian archive in its apt configuration, or no lists yet (apt-get update)')


def fetch(release, directory, packages):
    """Unpacks the packages of `release`, a Debian suite or PYTHON_INDEX, below `directory`.

    packages: names on the index, as "nova". Returns where the modules are.
    """
    if release == PYTHON_INDEX:
        return _fetch_wheels(directory, packages)
    return _fetch_debian(release, directory, packages)


def _fetch_wheels(directory, packages):
    _run([sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary', ':all:',
          '--dest', directory, *packages])
    for path in directory.glob('*.whl'):
        with zipfile.ZipFile(path) as wheel:
            wheel.extractall(directory / 'root')
    return directory / 'root'


def _fetch_debian(suite, directory, packages):
    uri = machines_mirror()
    for part in ('lists/partial', 'archives/partial', 'etc'):
        (directory / part).mkdir(parents=True)
    (directory / 'etc/sources.list').write_text(f'deb [signed-by={KEYRING}] {uri} {suite} main\n')
    (directory / 'etc/status').write_text('')
    options = [f'-o{name}={directory / value}' for name, value in (
        ('Dir::Etc::sourcelist', 'etc/sources.list'), ('Dir::Etc::sourceparts', 'etc/none'),
        ('Dir::State::lists', 'lists'), ('Dir::State::status', 'etc/status'), ('Dir::Cache', 'archives'))]
    # As root apt would fetch as another user, who may not write here.
    options += ['-oAPT::Sandbox::User=root', '-oAcquire::Languages=none', '-oAPT::Architecture=amd64',
                '-oAPT::Architectures=amd64', '-oAcquire::IndexTargets::deb::DEP-11::DefaultEnabled=false']
    _run(['apt-get', '-q', *options, 'update', '--error-on=any'])
    debian = ['python3-' + package.replace('_', '-') for package in packages]
    _run(['apt-get', '-q', *options, 'download', *debian], cwd=directory)
    for path in directory.glob('*.deb'):
        _run(['dpkg-deb', '--extract', path, directory / 'root'])
    return directory / 'root/usr/lib/python3/dist-packages'


def _run(command, cwd=None):
    """Standard output of the command; raises Unreachable if it fails: what it is for lies outside of this machine."""
    try:
        done = subprocess.run(command, cwd=cwd, timeout=TIMEOUT, capture_output=True, text=True, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise Unreachable(str(error)) from error
    if done.returncode:
        raise Unreachable(f'{command[0]}: {done.stderr.strip()[-500:]}')
    return done.stdout
