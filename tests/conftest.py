# SPDX-License-Identifier: Apache-2.0
"""How tests are shared out when several processes pass them (`pytest -n 3 --dist loadgroup`)."""
import pathlib

import pytest

HERE = pathlib.Path(__file__).resolve().parent

# What all tests of the folder use is dear to make, or there is but one of it.
WHOLE_FOLDERS = ('cli', 'client', 'devstack', 'glance', 'identity', 'publishing')


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests of one group are passed by one process: those of a folder, else of a file, or what a test says itself."""
    for item in items:
        if item.get_closest_marker('xdist_group') is None:
            path = item.path.relative_to(HERE)
            group = path.parts[0] if path.parts[0] in WHOLE_FOLDERS else path
            item.add_marker(pytest.mark.xdist_group(str(group)))
