# SPDX-License-Identifier: Apache-2.0
"""What the plugin and the store use is there in the Glance of every release they are for.

Glance's sources are parsed, not run; the store's tests run under each glance_store.  Where a package cannot be
fetched its tests are skipped and say so.
"""
import ast
import os
import pathlib
import subprocess
import sys

import pytest
import release_packages

RELEASES = ('bookworm', 'trixie', 'sid', release_packages.PYTHON_INDEX)
HERE = pathlib.Path(__file__).resolve().parent
OURS = HERE.parents[2] / 'glance_store' / 'unikernel_glance'

API_IMPORT = 'glance/async_/flows/api_image_import.py'

# Module-level names.
USED = {
    API_IMPORT: ('ImportActionWrapper', 'get_flow'),
    'glance/common/exception.py': ('NotFound', 'TaskAbortedError', 'UploadException'),
    'glance/common/scripts/utils.py': ('get_task',),
    'glance/db/__init__.py': ('ImageRepo', 'get_api'),
    'glance_store/__init__.py': (),
    'glance_store/backend.py': ('Indexable',),
    'glance_store/capabilities.py': ('BitMasks', 'check'),
    'glance_store/driver.py': ('Store', 'back_compat_add'),
    'glance_store/exceptions.py': (
        'BackendException', 'BadStoreConfiguration', 'BadStoreUri', 'Forbidden', 'Invalid', 'NotAuthenticated',
        'NotFound', 'RemoteServiceUnavailable', 'StorageFull', 'StorageWriteDenied'),
    'glance_store/location.py': ('Location', 'StoreLocation'),
}

# Methods that are called, with the names of the parameters they are called with, in order.
CALLED = {
    (API_IMPORT, 'ImportActionWrapper'): {
        '__init__': ['self', 'image_repo', 'image_id', 'task_id'], 'assert_task_lock': ['self']},
    (API_IMPORT, '_ImportActions'): {
        'image_extra_properties': ['self'], 'image_status': ['self'], 'pop_extra_property': ['self', 'name'],
        'remove_importing_stores': ['self', 'stores'], 'set_image_extra_properties': ['self', 'properties']},
    ('glance/db/__init__.py', 'ImageRepo'): {
        '__init__': ['self', 'context', 'db_api'], 'get': ['self', 'image_id'],
        'save': ['self', 'image', 'from_state']},
    ('glance/context.py', 'RequestContext'): {'elevated': ['self']},
}


@pytest.fixture(name='glance', scope='module', params=RELEASES)
def fixture_glance(request, tmp_path_factory):
    try:
        return release_packages.fetch(request.param, tmp_path_factory.mktemp(request.param), ['glance', 'glance_store'])
    except release_packages.Unreachable as reason:
        pytest.skip(f'Glance of {request.param} is not to be had: {reason}')


def parse(path):
    return ast.parse(path.read_text())


def defined(tree):
    names = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
    return names


def methods(tree, name):
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def parameters(function):
    return [argument.arg for argument in function.args.posonlyargs + function.args.args]


def function(tree, name):
    return next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == name)


def strings(node):
    return {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}


def test_every_name_that_is_used_exists(glance):
    for path, names in USED.items():
        missing = set(names) - defined(parse(glance / path))
        assert not missing, f'{path} lacks {missing}'


def test_called_methods_take_what_is_passed(glance):
    for (path, class_name), called in CALLED.items():
        theirs = methods(parse(glance / path), class_name)
        for name, expected in called.items():
            assert parameters(theirs[name]) == expected, f'{class_name}.{name}'


def test_the_stores_methods_take_what_the_library_passes(glance):
    theirs, ours = (methods(parse(path), 'Store') for path in (glance / 'glance_store/driver.py', OURS / 'store.py'))
    for name in ('__init__', 'get', 'get_size', 'add', 'delete', 'get_schemes', 'configure_add'):
        assert parameters(ours[name]) == parameters(theirs[name]), name


def test_imports_may_set_what_the_plugin_sets(glance):
    tree = parse(glance / API_IMPORT)
    allowed = strings(methods(tree, '_ImportActions')['set_image_attribute'])
    assert {'status', 'disk_format', 'container_format', 'size'} <= allowed


def test_plugins_are_given_what_ours_asks_for(glance):
    executor = function(parse(glance / 'glance/async_/taskflow_executor.py'), '_get_flow')
    assert {'task_id', 'task_type', 'context', 'task_repo', 'backend'} <= strings(executor)
    flow = function(parse(glance / API_IMPORT), 'get_flow')
    assert 'action_wrapper' in strings(flow)
    called = [node for node in ast.walk(flow) if isinstance(node, ast.Call)
              and getattr(node.func, 'attr', '') == 'get_import_plugins']
    assert called and all(not call.args and call.keywords[0].arg is None for call in called), 'not by **kwargs'


def test_replacing_the_data_is_done_as_glances_own_plugin_does(glance):
    tree = parse(glance / 'glance/async_/flows/plugins/image_conversion.py')
    convert = next(node for node in tree.body if isinstance(node, ast.ClassDef))
    provides = [node.value.value for node in convert.body if isinstance(node, ast.Assign)
                and node.targets[0].id == 'default_provides']
    assert provides == ['file_path']


def test_an_upload_exceptions_text_becomes_the_tasks_message(glance):
    run = function(parse(glance / 'glance/async_/taskflow_executor.py'), '_run')
    handlers = [handler for node in ast.walk(run) if isinstance(node, ast.Try) for handler in node.handlers
                if getattr(handler.type, 'attr', '') == 'UploadException']
    assert handlers
    calls = {getattr(node.func, 'attr', '') for node in ast.walk(handlers[0]) if isinstance(node, ast.Call)}
    assert calls & {'fail', '_fail_task'}


def test_the_stores_tests_pass_under_this_library(glance, tmp_path):
    (tmp_path / 'glance_store').symlink_to(glance / 'glance_store')  # without the release's Glance
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', '-p', 'no:cacheprovider', '-q', 'test_store.py'],
        cwd=HERE, env={**os.environ, 'PYTHONPATH': str(tmp_path), 'GLANCE_STORE_UNDER_TEST': str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:]


def test_no_module_brings_eventlet_along():
    for path in OURS.glob('*.py'):
        for node in ast.walk(parse(path)):
            names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
            assert not any(name.split('.')[0] == 'eventlet' for name in names), path
