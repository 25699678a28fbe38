// SPDX-License-Identifier: Apache-2.0
#include "u0/power.hh"

#include "hooks.gen.hh"
#include "power.hh"
#include "u0/console.hh"
#include "u0/cpu.hh"

namespace u0
{

void power_off()
{
    hooks::power_off();
    cpu::halt_for_ever();
}

void shutdown(int status)
{
    cpu::cli();
    log("exit {}", status);
    hooks::shutdown();
    power_off();
}

void shutdown_by_button()
{
    cpu::cli();
    log("power button");
    hooks::shutdown();
    power_off();
}

void reset()
{
    cpu::cli();
    log("reset");
    hooks::shutdown();
    hooks::power_reset();
    // Reset control register of the chipsets of both machine types (PIIX3 data sheet, RC; ICH9, RST_CNT).
    cpu::outb(0xcf9, 0x02);
    cpu::outb(0xcf9, 0x06);
    cpu::outb(0x64, 0xfe);  // the keyboard controller's reset line
    cpu::halt_for_ever();
}

}  // namespace u0
