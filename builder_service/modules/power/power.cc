// SPDX-License-Identifier: Apache-2.0
// ACPI 6.5: fixed registers (section 4.8), the power button (4.8.2.2.1), the soft-off state (4.8.3.2).
#include "u0/power.hh"
#include "u0/acpi.hh"
#include "u0/cpu.hh"
#include "u0/irq.hh"

namespace u0::acpi_power
{
namespace
{

constexpr std::uint16_t button = 1 << 8;  // in status and enable registers
constexpr std::uint16_t sci_enabled = 1;  // in the control register
constexpr std::uint16_t sleep_now = 1 << 13;

U0_SEALED_DATA std::uint16_t event_port = 0;  // status; the enable register follows half a block later
U0_SEALED_DATA std::uint16_t control_port = 0;
U0_SEALED_DATA std::uint16_t soft_off_type = 0;
U0_SEALED_DATA unsigned vector = 0;

/// The value of SLP_TYP for S5 from the DSDT's object \_S5: a package whose first element is it.  The
/// bytecode is not interpreted: NameOp "_S5_" PackageOp length count then a byte constant (ACPI 6.5,
/// section 20.2).
U0_INIT_TEXT std::uint16_t find_soft_off_type(const acpi::Fadt& fadt)
{
    const acpi::Header* dsdt = acpi::map(fadt.dsdt);
    if (!dsdt)
        return 0;
    const std::string_view code(reinterpret_cast<const char*>(dsdt), dsdt->length);
    const std::size_t at = code.find("_S5_\x12");
    if (at == code.npos || at + 12 > code.size())
        return 0;
    std::size_t next = at + 5;
    next += 1 + (static_cast<unsigned char>(code[next]) >> 6);  // the package's length, 1 to 4 bytes
    next += 1;                                                  // its number of elements
    if (next + 1 >= code.size())
        return 0;
    const unsigned first = static_cast<unsigned char>(code[next]);
    const unsigned value =
        first == 0x0a ? static_cast<unsigned char>(code[next + 1]) : first;  // BytePrefix, or 0/1
    return static_cast<std::uint16_t>(value & 7);
}

}  // namespace

U0_INIT_TEXT void init()
{
    const acpi::Fadt* fadt = acpi::fadt();
    if (!fadt || fadt->pm1a_event > 0xffff || fadt->pm1a_control > 0xffff || fadt->pm1_event_length < 4)
        return;
    event_port = static_cast<std::uint16_t>(fadt->pm1a_event);
    control_port = static_cast<std::uint16_t>(fadt->pm1a_control);
    soft_off_type = find_soft_off_type(*fadt);
    if (!event_port || !control_port)
        return;
    if (!(cpu::inw(control_port) & sci_enabled) && fadt->smi_command && fadt->smi_command <= 0xffff)
        cpu::outb(static_cast<std::uint16_t>(fadt->smi_command), fadt->acpi_enable);
    vector = irq::allocate();
    irq::route_line(fadt->sci_interrupt, vector, true, false);
    cpu::outw(event_port, button);  // what was pressed before is over
    cpu::outw(static_cast<std::uint16_t>(event_port + fadt->pm1_event_length / 2), button);
}

bool poll()
{
    if (vector == 0 || !irq::fired(vector))
        return false;
    const std::uint16_t status = cpu::inw(event_port);
    cpu::outw(event_port, status);  // all are cleared by writing ones: the line falls
    if (status & button)
        shutdown_by_button();
    return true;
}

void off()
{
    if (control_port)
        cpu::outw(control_port, static_cast<std::uint16_t>(soft_off_type << 10 | sleep_now));
}

}  // namespace u0::acpi_power
