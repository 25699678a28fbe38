# SPDX-License-Identifier: Apache-2.0
"""`unikernel module lint`, and that the published JSON Schema takes and refuses the same manifests."""
import copy
import json
import pathlib

import jsonschema
import pytest
import yaml

MODULES = pathlib.Path(__file__).resolve().parents[2] / 'builder_service' / 'modules'
SCHEMA = json.loads((MODULES / 'module.schema.json').read_text())
NAMES = sorted(path.parent.name for path in MODULES.glob('*/module.yaml'))

MANIFEST = {
    'name': 'packet-filter', 'version': '1.2.0', 'kind': 'security', 'summary': 'Drops frames', 'license': 'Apache-2.0',
    'maintainer': 'Networking team', 'requires': ['virtio-net >= 1.0, < 2'], 'conflicts': ['old-filter'],
    'provides': ['packet-filter-api = 2.1'],
    'options': {
        'limit': {'type': 'int', 'minimum': 1, 'maximum': 9, 'default': 3, 'stricter': 'min', 'help': 'frames'},
        'rules': {'type': 'list', 'max_items': 8, 'default': [], 'stricter': 'union', 'delegated': True,
                  'help': 'what to drop',
                  'of': {'type': 'record', 'fields': {'port': {'type': 'int', 'default': 80}}}}},
    'platforms': {'u0': {'sources': ['filter.cc'], 'hooks': {'boot.init': 'u0::packet_filter::start'}}}}


@pytest.fixture
def lint(unikernel, tmp_path):
    """lint(manifest): exit code and findings for a folder with it and one source."""
    def of(manifest):
        folder = tmp_path / 'packet-filter'
        folder.mkdir()
        (folder / 'module.yaml').write_text(yaml.safe_dump(manifest))
        (folder / 'filter.cc').write_text('')
        ended = unikernel('module', 'lint', folder, '--json')
        return ended.code, [finding['text'] for finding in ended.json]
    return of


def changed(path, value):
    """MANIFEST with one value replaced, or taken out if it is None."""
    manifest = copy.deepcopy(MANIFEST)
    place = manifest
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return manifest


def test_modules_of_the_repository_have_nothing_to_change(unikernel):
    ended = unikernel('module', 'lint', *(MODULES / name for name in NAMES), '--json')
    assert (ended.code, ended.json) == (0, [])


@pytest.mark.parametrize('name', NAMES)
def test_the_schema_takes_the_modules_of_the_repository(name):
    jsonschema.validate(yaml.safe_load((MODULES / name / 'module.yaml').read_text()), SCHEMA)


def test_a_good_module_passes_both(lint):
    assert lint(MANIFEST) == (0, [])
    jsonschema.validate(MANIFEST, SCHEMA)


@pytest.mark.parametrize('path, value', [
    (['name'], None), (['name'], 'Packet'), (['version'], '1.2'), (['kind'], 'other'), (['license'], None),
    (['color'], 'red'), (['requires'], ['virtio-net ~> 1']), (['provides'], ['api >= 2']), (['memory_kib'], -1),
    (['options', 'limit', 'type'], 'float'), (['options', 'limit', 'pattern'], 'x'),
    (['options', 'limit', 'stricter'], 'union'), (['options', '1st'], {'type': 'bool'}),
    (['options', 'limit', 'delegated'], 'yes'), (['options', 'rules', 'of', 'delegated'], True),
    (['options', 'word'], {'type': 'string', 'pattern': '.*', 'max_length': 4097, 'default': ''}),
    (['options', 'word'], {'type': 'string', 'max_length': 65537, 'default': ''}),
    (['options', 'rules', 'of'], None), (['options', 'rules', 'of', 'fields', 'plain'], {'type': 'bool'}),
    (['options', 'rules', 'of', 'fields', 'port', 'stricter'], 'min'), (['options', 'rules', 'of', 'default'], {}),
    (['options', 'rules', 'max_items'], 5000), (['platforms'], None),
    (['platforms', 'u0', 'sources'], ['../filter.cc']), (['platforms', 'u0', 'hooks', 'boot.init'], 'start'),
    (['platforms', 'u0', 'points'], {'packet.drop': {'header': 'x.hh'}}),
    (['platforms', 'u0', 'third_party'], [{'source': 'lwip'}]), (['platforms', 'u0', 'personality'], 'musl'),
], ids=repr)
def test_decoder_and_schema_refuse_the_same(lint, path, value):
    manifest = changed(path, value)
    code, findings = lint(manifest)
    assert code == 3 and findings[0].startswith('module.yaml'), findings
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(manifest, SCHEMA)


def test_what_no_schema_sees_is_told_all_at_once(lint):
    manifest = changed(['platforms', 'u0', 'hooks'], {'boot.innit': 'u0::packet_filter::start'})
    manifest['requires'] = ['virtio-nett', 'virtio-net >= 9']
    manifest['platforms']['u0']['sources'] = ['filter.cc', 'missing.cc']
    del manifest['options']['limit']['help']
    code, findings = lint(manifest)
    assert code == 3
    assert findings == [
        'module.yaml.options.limit: has no help, which `unikernel module show` prints',
        'module.yaml.requires: virtio-net >= 9: there is only version 1.0.0',
        'module.yaml.requires: no module is named virtio-nett or provides it; did you mean virtio-net?',
        'module.yaml.platforms.u0.sources: there is no file missing.cc',
        'module.yaml.platforms.u0.hooks.boot.innit: nobody declares this point; did you mean boot.init?']


def test_warnings_alone_do_not_fail(lint):
    manifest = changed(['options', 'limit', 'help'], None)
    assert lint(manifest) == (
        0, ['module.yaml.options.limit: has no help, which `unikernel module show` prints'])


def test_a_folder_must_be_named(unikernel):
    ended = unikernel('module', 'lint')
    assert (ended.code, ended.error) == (
        2, 'unikernel: FOLDER is missing; usage: unikernel module lint FOLDER...\n')
