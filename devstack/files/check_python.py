# SPDX-License-Identifier: Apache-2.0
"""Loads what OpenStack's services will load, and ends with a message if it is not there.

    check_python.py nova.virt.unikernel:UnikernelDriver glance_store.drivers/unikernel ...

`module:attribute` is imported as Nova imports its compute driver; `group/name` is an entry point, loaded as
stevedore does, which itself only writes a failure into a log and goes on without the plugin.
"""
import importlib
import importlib.metadata
import subprocess
import sys


def load(wanted):
    if ':' in wanted:
        module, attribute = wanted.split(':')
        return getattr(importlib.import_module(module), attribute)
    group, name = wanted.split('/')
    found = [point for point in importlib.metadata.entry_points(group=group) if point.name == name]
    if not found:
        raise LookupError('no installed package has this entry point')
    return found[0].load()


def problem_with(wanted):
    """In a process of its own, as in a service: Nova and Glance in one process share their configuration."""
    done = subprocess.run([sys.executable, __file__, '--load', wanted], capture_output=True, text=True, check=False)
    return (done.stderr.strip().splitlines() or ['it ends without a word'])[-1] if done.returncode else None


def main(names):
    if names[:1] == ['--load']:
        load(names[1])
        return 0
    found = {wanted: problem_with(wanted) for wanted in names}
    for wanted, problem in found.items():
        if problem:
            print(f'{wanted}: {problem}', file=sys.stderr)
    return 1 if any(found.values()) else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
