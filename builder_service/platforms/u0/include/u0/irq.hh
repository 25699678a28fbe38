// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "u0/types.hh"

/// Interrupts.  libos runs with interrupts off; they are on only while the processor sleeps in idle() and
/// while application code runs.  A device's interrupt does nothing but end the sleep and set a flag (there
/// are no handler pointers in memory): drivers work in `idle.poll`.  While application code runs, an
/// interrupt (a tick of 10 ms comes in any case) lets poll() run, so that the network lives beside a busy
/// program.  Nothing ticks while the machine is idle.
namespace u0::irq
{

struct Message {  ///< for MSI and MSI-X (PCI Local Bus 3.0, section 6.8)
    std::uint64_t address;
    std::uint32_t data;
};

/// A fresh vector, 32..47.  Panics when all are taken.  Only before the image is sealed.
unsigned allocate();
Message message(unsigned vector);

/// Routes a level-triggered, active-low (PCI/ACPI) or edge interrupt line of the I/O APIC to the vector.
void route_line(unsigned global_interrupt, unsigned vector, bool level, bool active_low);

/// Application code goes on after idle(): sees to it that the tick comes.
void expect_tick();

/// Whether the vector fired since the last call.
bool fired(unsigned vector);

}  // namespace u0::irq
