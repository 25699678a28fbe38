# SPDX-License-Identifier: Apache-2.0
"""Ten servers by one request."""
from servers import must_answer, until

COUNT = 10


def test_ten_at_once_answer_and_vanish(bench, plain):
    first = bench.create(plain, 'u1.nano', name='crowd', min_count=COUNT, max_count=COUNT)
    name = bench.show(first).name.rpartition('-')[0]  # Nova numbers them

    def listed():
        found = [server.id for server in bench.compute.servers(name=f'^{name}-')]
        return found if len(found) == COUNT else None

    servers = until(listed, f'{COUNT} servers are listed')
    for server in servers:
        if server != first:
            bench.adopt(server)
    for server in servers:
        bench.must_become(server, 'ACTIVE')
        must_answer(bench.address(server))
    assert len({bench.address(server) for server in servers}) == COUNT
    ports = {server: bench.ports(server) for server in servers}
    bench.delete(*servers)
    for server in servers:
        until(lambda server=server: not bench.remains(server, ports[server]), f'nothing is left of {server}')
