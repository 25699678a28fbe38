# SPDX-License-Identifier: Apache-2.0
"""Creates the flavors of a file with the openstack client, as the cloud that OS_CLOUD or the environment names.

    create_flavors.py devstack/files/flavors.json

A flavor of the same name stays as it is.
"""
import json
import subprocess
import sys


def exists(name):
    return subprocess.run(['openstack', 'flavor', 'show', name, '-f', 'value', '-c', 'id'], check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def main(file):
    with open(file, encoding='utf-8') as text:
        flavors = json.load(text)
    for flavor in flavors:
        if exists(flavor['name']):
            continue
        words = [word for name in ('vcpus', 'ram', 'disk') for word in (f'--{name}', str(flavor[name]))]
        words += [word for name, value in flavor['extra_specs'].items() for word in ('--property', f'{name}={value}')]
        subprocess.run(['openstack', 'flavor', 'create', *words, flavor['name']], check=True)


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        main(sys.argv[1])
    except subprocess.CalledProcessError as problem:
        sys.exit(f'{" ".join(problem.cmd)}: ended with {problem.returncode}')
