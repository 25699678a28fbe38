// SPDX-License-Identifier: Apache-2.0
#include "half_open.hh"

#include "config.gen.hh"
#include "u0/clock.hh"
#include "u0/console.hh"

namespace u0::posix_sockets::half_open
{
namespace
{

constexpr int limit = static_cast<int>(cfg::posix_sockets::max_half_open);
int count = 0;

/// In lwIP's extra argument of a control block: whether it counts. Any two addresses do.
char counted_mark;
void* const counted = &counted_mark;

u8_t argument_id()
{
    static u8_t id = tcp_ext_arg_alloc_id();
    return id;
}

void uncount(tcp_pcb* pcb)
{
    if (tcp_ext_arg_get(pcb, argument_id()) != counted)
        return;
    tcp_ext_arg_set(pcb, argument_id(), nullptr);
    --count;
}

/// Not the newcomer, which is in lwIP's list already.  Of those of the same tick the oldest is the last: lwIP
/// adds in front.
void drop_oldest(const tcp_pcb* newcomer)
{
    tcp_pcb* oldest = nullptr;
    for (tcp_pcb* pcb = tcp_active_pcbs; pcb; pcb = pcb->next)
        if (pcb != newcomer && pcb->state == SYN_RCVD &&
            (!oldest || tcp_ticks - pcb->tmr >= tcp_ticks - oldest->tmr))
            oldest = pcb;
    if (!oldest)
        return;
    static Nanoseconds next_report = 0;
    constexpr Nanoseconds quiet = 60'000'000'000;
    const Nanoseconds now = monotonic_ns();
    if (now >= next_report)  // at the first time, and again after a quiet minute
        log("net: too many half-open connections, the oldest give way");
    next_report = now + quiet;
    tcp_abandon(oldest, 0);
}

void on_destroy(u8_t, void* data)
{
    if (data == counted)
        --count;
}

extern const tcp_ext_arg_callbacks callbacks;

err_t on_syn(u8_t id, tcp_pcb_listen*, tcp_pcb* pcb)
{
    if (count >= limit)
        drop_oldest(pcb);
    ++count;
    tcp_ext_arg_set_callbacks(pcb, id, &callbacks);
    tcp_ext_arg_set(pcb, id, counted);
    return ERR_OK;
}

const tcp_ext_arg_callbacks callbacks{.destroy = &on_destroy, .passive_open = &on_syn};

}  // namespace

void guard(tcp_pcb* listener)
{
    tcp_ext_arg_set_callbacks(listener, argument_id(), &callbacks);
}

void completed(tcp_pcb* connection)
{
    uncount(connection);
}

}  // namespace u0::posix_sockets::half_open
