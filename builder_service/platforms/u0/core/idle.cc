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

/// Work that comes within this time is waited for awake, if the last did too.
constexpr Nanoseconds longest_vigil = 150'000;
bool came_soon = false;
/// A vigil in vain may have kept the processor from those who were to bring the work: after the second in a
/// row one wait is slept through, then 3, 7 and 15.
constexpr unsigned most_vain_vigils = 5;
unsigned vain_vigils = 0, sleeps_left = 0;
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

bool worth_a_vigil()
{
    if (sleeps_left == 0)
        return came_soon && !always_sleeps;
    --sleeps_left;
    return false;
}

void note_vigil(bool found)
{
    vain_vigils = found ? 0 : vain_vigils < most_vain_vigils ? vain_vigils + 1 : most_vain_vigils;
    sleeps_left = found ? 0 : (1u << (vain_vigils - 1)) - 1;
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
    if (worth_a_vigil()) {
        const bool found = watch(begin, deadline);
        note_vigil(found);
        if (found || deadline <= monotonic_ns())
            return;
    }
    // Devices interrupt from here on; what came in before they were told is work for the next poll().
    if (hooks::idle_arm.any())
        return;
    interrupts::sleep(deadline);
    came_soon = hooks::idle_pending.any() && monotonic_ns() - begin <= longest_vigil;
}

}  // namespace u0
