// SPDX-License-Identifier: Apache-2.0
// Connections by their four numbers, in one step where lwIP's list takes one for each connection.  lwIP finds
// a connection once by its own means, then it is known here until lwIP frees it.
#include "connections.hh"

#include <bit>

#include "lwip_api.hh"
#include "u0/memory.hh"
#include "u0/random.hh"

namespace u0::net
{
namespace
{

constexpr std::size_t buckets = 512;

struct Entry {
    Entry* next;
    tcp_pcb* connection;
    std::size_t bucket;
};
Entry* table[buckets];
U0_SEALED_DATA std::uint64_t address_factor = 1, port_factor = 1;  // secret: nobody can aim at one bucket
U0_SEALED_DATA u8_t argument = 0;

std::size_t bucket_of(std::uint32_t remote, std::uint32_t remote_port, std::uint32_t local_port)
{
    const std::uint64_t mixed = remote * address_factor + (remote_port << 16 | local_port) * port_factor;
    return mixed >> (64 - std::countr_zero(buckets));
}

void forget(u8_t, void* data)
{
    auto* entry = static_cast<Entry*>(data);
    if (!entry)
        return;
    for (Entry** link = &table[entry->bucket]; *link; link = &(*link)->next) {
        if (*link == entry) {
            *link = entry->next;
            break;
        }
    }
    kfree(entry);
}

const tcp_ext_arg_callbacks callbacks{.destroy = forget, .passive_open = nullptr};

}  // namespace

U0_INIT_TEXT void connections_init()
{
    argument = tcp_ext_arg_alloc_id();
    address_factor = random_u64() | 1;
    port_factor = random_u64() | 1;
}

void remember_connection(tcp_pcb* connection)
{
    if (connection->ext_args[argument].data)
        return;
    auto* entry = static_cast<Entry*>(kalloc(sizeof(Entry)));
    if (!entry)
        return;  // lwIP goes on searching by itself
    const std::size_t bucket = bucket_of(ip4_addr_get_u32(ip_2_ip4(&connection->remote_ip)),
                                         connection->remote_port, connection->local_port);
    *entry = {table[bucket], connection, bucket};
    table[bucket] = entry;
    tcp_ext_arg_set_callbacks(connection, argument, &callbacks);
    tcp_ext_arg_set(connection, argument, entry);
}

}  // namespace u0::net

tcp_pcb* u0_lwip_find_connection(const tcp_hdr* header, u32_t remote, u32_t local)
{
    using namespace u0::net;
    for (const Entry* entry = table[bucket_of(remote, header->src, header->dest)]; entry;
         entry = entry->next) {
        tcp_pcb* const connection = entry->connection;
        if (connection->remote_port == header->src && connection->local_port == header->dest &&
            ip4_addr_get_u32(ip_2_ip4(&connection->remote_ip)) == remote &&
            ip4_addr_get_u32(ip_2_ip4(&connection->local_ip)) == local && connection->state > LISTEN &&
            connection->state != TIME_WAIT)
            return connection;
    }
    return nullptr;
}
