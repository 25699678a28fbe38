// SPDX-License-Identifier: Apache-2.0
//
// A thread that computes without ever calling the system must not keep the others from running. The clock's
// tick makes it continue in u0_preempted, as if it had called sched_yield right where it was interrupted.
#include "u0/thread.hh"
#include "u0/trap_frame.hh"

extern "C" void u0_preempted();
extern "C" void u0_give_way()
{
    u0::scheduler::yield();
}

namespace u0::posix_threads
{

/// Point `application.tick`. Libos itself is never interrupted, so its state is in order.
void preempt(TrapFrame& frame)
{
    constexpr std::uint64_t red_zone = 128, interrupts_off = 2;  // bit 1 of the flags is always set
    if (!scheduler::others_can_run())
        return;
    frame.rsp -= red_zone + 2 * sizeof(std::uint64_t);
    auto* saved = reinterpret_cast<std::uint64_t*>(frame.rsp);
    saved[0] = frame.flags;
    saved[1] = frame.rip;
    frame.rip = reinterpret_cast<std::uint64_t>(&u0_preempted);
    frame.flags = interrupts_off;
}

}  // namespace u0::posix_threads
