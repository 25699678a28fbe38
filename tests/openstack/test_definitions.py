# SPDX-License-Identifier: Apache-2.0
"""What operators load (devstack/files) is there, and does what it says."""
import json

import pytest
from servers import ROOT

FLAVORS = {flavor['name']: flavor for flavor in json.loads((ROOT / 'devstack/files/flavors.json').read_text())}
NAMESPACE = 'OS::Compute::Unikernel'


def test_metadata_definitions_explain_every_property_of_an_image(bench, plain):
    namespace = bench.connection.image.get(f'/metadefs/namespaces/{NAMESPACE}').json()
    image = bench.connection.image.get(f'/images/{plain}').json()
    ours = {name: value for name, value in image.items() if name.startswith('unikernel_')}
    assert ours
    for name, value in ours.items():
        definition = namespace['properties'][name]
        assert len(value) <= definition.get('maxLength', 255)
        assert value in definition.get('enum', [value])
        assert definition['type'] == 'string' or int(value) >= definition['minimum']


@pytest.mark.parametrize('name', sorted(FLAVORS))
def test_a_flavor_charges_what_a_server_really_takes(bench, plain, name):
    flavor = FLAVORS[name]
    server = bench.create(plain, name)
    bench.must_become(server, 'ACTIVE')
    allocations = bench.connection.placement.get(f'/allocations/{server}').json()['allocations']
    assert [charge['resources'] for charge in allocations.values()] == [
        {'VCPU': 1, 'MEMORY_MB': int(flavor['extra_specs']['resources:MEMORY_MB'])}]


def test_the_host_says_that_it_boots_unikernels(bench):
    provider = next(bench.connection.placement.resource_providers())
    answer = bench.connection.placement.get(f'/resource_providers/{provider.id}/traits', microversion='1.6')
    traits = answer.json()['traits']
    assert {'CUSTOM_UNIKERNEL', 'CUSTOM_UNIKERNEL_U0'} <= set(traits)
