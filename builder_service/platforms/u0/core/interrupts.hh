// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "u0/trap_frame.hh"
#include "u0/types.hh"

namespace u0
{

namespace interrupts
{

void init();             ///< descriptor tables: faults are reported from here on
void init_controller();  ///< the local APIC, and both 8259s masked
void calibrate_timer();  ///< after the clock

/// Sleeps until an interrupt, but no longer than `until`.  Interrupts are off before and after; one that is
/// pending already ends the sleep at once.
void sleep(Nanoseconds until);

}  // namespace interrupts

/// An exception of the processor: gives memory to a page on demand, or reports and powers off.
void handle_exception(const TrapFrame& frame);

}  // namespace u0
