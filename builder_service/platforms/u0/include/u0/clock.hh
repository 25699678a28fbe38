// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "u0/types.hh"

namespace u0
{

Nanoseconds monotonic_ns();

/// Nanoseconds since 1970-01-01 UTC, from the hypervisor's clock or the real-time clock at boot plus
/// monotonic time.
std::uint64_t wall_ns();

/// Lets drivers and protocols work (point `idle.poll`); true when something was done.  Never halts.
/// Not from inside a hook of `idle.poll`.
bool poll();

/// For whoever has nothing to do: returns after work was done (see poll()), or after the processor
/// slept until an interrupt, `until`, or an earlier `idle.deadline`.  The caller checks its own condition
/// again and calls it in a loop.  Its condition must not become true by anything but poll() or time.
///
///     while (!readable(socket) && monotonic_ns() < deadline)
///         u0::idle(deadline);
void idle(Nanoseconds until = never);

}  // namespace u0
