# SPDX-License-Identifier: Apache-2.0
"""The files that operators load agree with the code."""
import configparser
import json
import pathlib
import re

import small_image
from unikernel_nova import artifact
from unikernel_nova import command_line
from unikernel_nova import properties

ROOT = pathlib.Path(__file__).resolve().parents[3]
FILES = ROOT / 'devstack' / 'files'

DERIVED = set(properties.derive(artifact.verify(small_image.make())))


def test_metadata_definitions_name_every_property_and_no_other():
    namespace = json.loads((FILES / 'metadefs/compute-unikernel.json').read_text())
    defined = namespace['properties']
    assert set(defined) == DERIVED | {'unikernel_source', command_line.ARGUMENTS_KEY}
    assert defined['unikernel_platform']['enum'] == sorted(properties.PLATFORM_TRAITS)
    assert defined['unikernel_command_line']['enum'] == sorted(command_line.SYNTAXES)
    assert all(definition.get('maxLength', 0) <= properties.MAX_VALUE for definition in defined.values())


def test_the_document_names_every_property():
    text = (ROOT / 'doc/source/contributor/image-properties.rst').read_text()
    for name in properties.derive_all(artifact.verify(small_image.make()), 'some-id'):
        assert name in text, name


def test_protections_let_users_make_snapshots_and_change_nothing_of_ours_but_source():
    rules = configparser.RawConfigParser()
    rules.read(FILES / 'property-protections.conf')

    def may(operation, name):
        section = next(section for section in rules.sections() if re.match(section, name))
        return rules[section][operation].split(',')

    for operation in ('create', 'update', 'delete'):
        assert 'member' in may(operation, 'unikernel_source') and 'member' in may(operation, 'kernel_id')
    for name in DERIVED:
        assert {'member', 'service'} <= set(may('create', name))
        assert may('update', name) == may('delete', name) == ['admin', 'service']


def test_flavors_charge_more_memory_than_the_guest_has_and_no_disk():
    for flavor in json.loads((FILES / 'flavors.json').read_text()):
        assert flavor['disk'] == 1 and flavor['extra_specs']['resources:DISK_GB'] == '0'
        assert int(flavor['extra_specs']['resources:MEMORY_MB']) >= flavor['ram'] + 64
