#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Waits until a server could be created, and makes the network "public" and the flavors that are not there.

usage: ready.py PREFIX FLAVORS STARTED
PREFIX as 10.24.0 of 10.24.0.0/24; FLAVORS a file as devstack/files/flavors.json; STARTED a file as old as the cloud's
namespaces; OS_* credentials in the environment
"""
import datetime
import json
import pathlib
import subprocess
import sys
import time

import openstack

LIMIT = 300  # seconds, all waits together
POLL = 0.3  # seconds


def wait(deadline, what, condition):
    """Polls until condition() is true; an exception counts as "not yet" and is told when time is over."""
    problem = None
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except openstack.exceptions.SDKException as error:
            problem = error
        time.sleep(POLL)
    sys.exit(f'waited {LIMIT} s, still not so: {what}' + (f' ({problem})' if problem else ''))


def make_public_network(cloud, prefix):
    network = cloud.network.find_network('public') or cloud.network.create_network(
        name='public', is_shared=True, provider_network_type='flat', provider_physical_network='public',
        is_port_security_enabled=False)
    if not network.subnet_ids:
        cloud.network.create_subnet(
            name='public', network_id=network.id, ip_version=4, cidr=f'{prefix}.0/24', gateway_ip=f'{prefix}.1',
            dns_nameservers=[f'{prefix}.1'], allocation_pools=[{'start': f'{prefix}.10', 'end': f'{prefix}.250'}])


def make_flavors(cloud, wanted):
    """disk 1 with resources:DISK_GB=0 charges no disk, and unlike disk 0 it is for everybody; see Nova's policy
    servers:create:zero_disk_flavor.  resources:MEMORY_MB adds what QEMU itself takes to the guest's memory."""
    known = {flavor.name for flavor in cloud.compute.flavors()}
    for flavor in wanted:
        if flavor['name'] not in known:
            specs = flavor.pop('extra_specs')
            cloud.compute.create_flavor_extra_specs(cloud.compute.create_flavor(**flavor), specs)


def main():
    cloud = openstack.connect()
    deadline = time.monotonic() + LIMIT
    started = pathlib.Path(sys.argv[3]).stat().st_mtime

    # For a minute after a stop all that ran is still called alive: what counts is a sign of life since the start.
    def has_reported(moment):
        return moment and datetime.datetime.fromisoformat(moment).replace(
            tzinfo=datetime.timezone.utc).timestamp() >= started

    def services_up():
        return {'nova-compute', 'nova-conductor', 'nova-scheduler'} <= {
            service.binary for service in cloud.compute.services()
            if service.state == 'up' and has_reported(service.updated_at)}

    def agents_up():
        return {'Linux bridge agent', 'DHCP agent'} <= {
            agent.agent_type for agent in cloud.network.agents()
            if agent.is_alive and has_reported(agent.last_heartbeat_at)}

    wait(deadline, "Nova's services are up", services_up)
    wait(deadline, 'Placement knows the host', lambda: list(cloud.placement.resource_providers()))
    if not list(cloud.compute.hypervisors()):
        subprocess.run(['nova-manage', 'cell_v2', 'discover_hosts'], check=True, stderr=subprocess.DEVNULL)
    wait(deadline, 'the cell knows the host', lambda: list(cloud.compute.hypervisors()))
    wait(deadline, "Neutron's agents are up", agents_up)
    make_public_network(cloud, sys.argv[1])
    make_flavors(cloud, json.loads(pathlib.Path(sys.argv[2]).read_text()))


if __name__ == '__main__':
    main()
