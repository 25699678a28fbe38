// SPDX-License-Identifier: Apache-2.0
// What lwIP may take, and what gives way when many want something.
#include "limits.hh"
#include "config.gen.hh"
#include "connections.hh"
#include "lwip_api.hh"
#include "u0/clock.hh"
#include "u0/console.hh"
#include "u0/memory.hh"
#include "u0/random.hh"

namespace u0::net
{
namespace
{

/// True while the network may take `bytes` more. What is small gets at the last of it: acknowledgements, by
/// which memory comes back, must not wait for memory.
bool memory_left(std::size_t bytes)
{
    constexpr std::size_t small = 512;
    return memory::spare_pages(bytes <= small ? memory::Taker::small_needs : memory::Taker::output) > 0;
}

/// The list has the youngest first.
void forget_old_time_waits()
{
    auto left = static_cast<unsigned>(cfg::lwip::time_wait_limit);
    tcp_pcb* last = tcp_tw_pcbs;
    while (last && --left > 0)
        last = last->next;
    while (last && last->next)
        tcp_abandon(last->next, 0);
}

}  // namespace

bool room_for_input()
{
    constexpr auto reserve = static_cast<std::size_t>(cfg::lwip::memory_reserve);
    return memory::free_pages() * 100 > memory::total_pages() * reserve;
}

}  // namespace u0::net

using namespace u0;

err_t u0_lwip_before_segment(tcp_pcb* pcb, const tcp_hdr* header)
{
    if (pcb->state == LISTEN) {
        if (TCPH_FLAGS(header) == TCP_SYN)
            net::forget_old_time_waits();
    } else if (pcb->state != TIME_WAIT) {
        net::remember_connection(pcb);
    }
    return ERR_OK;
}

u32_t u0_lwip_initial_sequence(u32_t, u16_t, u32_t, u16_t)
{
    return random_u32();
}

void* u0_lwip_malloc(std::size_t bytes)
{
    return net::memory_left(bytes) ? kalloc(bytes) : nullptr;
}

void* u0_lwip_calloc(std::size_t count, std::size_t bytes)
{
    std::size_t size = 0;
    if (__builtin_mul_overflow(count, bytes, &size))
        return nullptr;
    void* block = u0_lwip_malloc(size);
    if (block)
        __builtin_memset(block, 0, size);
    return block;
}

void u0_lwip_free(void* block)
{
    kfree(block);
}

std::uint32_t u0_lwip_random()
{
    return random_u32();
}

void u0_lwip_failed(const char* text)
{
    panic("lwIP: {}", text);
}

u32_t sys_now()
{
    return static_cast<u32_t>(monotonic_ns() / 1'000'000);
}
