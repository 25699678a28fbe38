#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The services' accounts and the catalogue, as an administrator would make them by hand; and an ordinary user.

usage: identities.py PASSWORD-FILE (with OS_* credentials of an administrator in the environment)

One process does what some twenty calls of the command line client would: each of those
spends seconds on its imports.
"""
import pathlib
import sys

import openstack

# account and name of the service, type in the catalogue, URL
SERVICES = (
    ('glance', 'image', 'http://127.0.0.1:9292'),
    ('neutron', 'network', 'http://127.0.0.1:9696'),
    ('nova', 'compute', 'http://127.0.0.1:8774/v2.1'),
    ('placement', 'placement', 'http://127.0.0.1:8778'),
    ('unikernel', 'unikernel', 'http://127.0.0.1:8770'),
)


def main():
    password = pathlib.Path(sys.argv[1]).read_text()
    identity = openstack.connect().identity
    project = identity.find_project('service') or identity.create_project(name='service', domain_id='default')
    roles = [identity.find_role(name) or identity.create_role(name=name) for name in ('admin', 'service')]
    for name, kind, url in SERVICES:
        user = identity.find_user(name) or identity.create_user(
            name=name, password=password, domain_id='default', default_project_id=project.id)
        for role in roles:
            identity.assign_project_role_to_user(project, user, role)
        service = identity.find_service(name) or identity.create_service(name=name, type=kind)
        known = {endpoint.interface for endpoint in identity.endpoints(service_id=service.id)}
        for interface in {'public', 'internal', 'admin'} - known:
            identity.create_endpoint(service_id=service.id, interface=interface, url=url, region_id='RegionOne')
    project = identity.find_project('demo') or identity.create_project(name='demo', domain_id='default')
    user = identity.find_user('demo') or identity.create_user(
        name='demo', password=password, domain_id='default', default_project_id=project.id)
    # Keystone of Debian 12 makes no role "manager"; to the builder it is who answers for security requirements.
    for role in ('member', 'manager'):
        identity.assign_project_role_to_user(
            project, user, identity.find_role(role) or identity.create_role(name=role))


if __name__ == '__main__':
    main()
