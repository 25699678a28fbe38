// SPDX-License-Identifier: Apache-2.0
#include "idle.hh"

#include "hooks.gen.hh"
#include "interrupts.hh"
#include "u0/clock.hh"
#include "u0/cmdline.hh"

namespace u0
{
namespace
{

/// Work that comes within this time is waited for awake, if the last did too and was little: many packets at
/// once share one wake-up, and meanwhile their sender and the device have a use for the processor.
constexpr Nanoseconds longest_vigil = 150'000, little_work = 50'000;
bool came_soon = false;
Nanoseconds wait_ended = 0;
U0_SEALED_DATA bool always_sleeps = false;

/// Waits awake; false when no work came.  No PAUSE here: at each, QEMU's emulator leaves its loop and takes
/// the lock that the device's own thread wants.
bool watch(Nanoseconds begin, Nanoseconds deadline)
{
    constexpr int looks_per_time = 32;
    const Nanoseconds end = deadline - begin < longest_vigil ? deadline : begin + longest_vigil;
    do {
        for (int i = 0; i < looks_per_time; ++i)
            if (hooks::idle_pending.any())
                return true;
    } while (monotonic_ns() < end);
    return false;
}

void note_end(Nanoseconds begin)
{
    wait_ended = monotonic_ns();
    came_soon = !always_sleeps && hooks::idle_pending.any() && wait_ended - begin <= longest_vigil;
}

}  // namespace

U0_INIT_TEXT void idle_init()
{
    always_sleeps = cmdline::value("idle") == "halt";
}

bool poll()
{
    return hooks::idle_poll.any();
}

void idle(Nanoseconds until)
{
    if (poll())
        return;
    const Nanoseconds deadline = hooks::idle_deadline.least(until), begin = monotonic_ns();
    if (deadline <= begin)
        return;
    if (came_soon && begin - wait_ended <= little_work) {
        const bool found = watch(begin, deadline);
        note_end(begin);
        if (found || deadline <= wait_ended)
            return;
    }
    // Devices interrupt from here on; what came in before they were told is work for the next poll().
    if (hooks::idle_arm.any())
        return;
    interrupts::sleep(deadline);
    note_end(begin);
}

}  // namespace u0
