// SPDX-License-Identifier: Apache-2.0
#include "hooks.gen.hh"
#include "interrupts.hh"
#include "u0/clock.hh"

namespace u0
{

bool poll()
{
    return hooks::idle_poll.any();
}

void idle(Nanoseconds until)
{
    if (poll())
        return;
    const Nanoseconds deadline = hooks::idle_deadline.least(until);
    if (deadline <= monotonic_ns())
        return;
    // Devices interrupt from here on; what came in before they were told is work for the next poll().
    if (hooks::idle_arm.any())
        return;
    interrupts::sleep(deadline);
}

}  // namespace u0
