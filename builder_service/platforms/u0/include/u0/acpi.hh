// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "u0/types.hh"

/// ACPI's static tables (ACPI 6.5, section 5.2).  Only before the image is sealed.
namespace u0::acpi
{

struct [[gnu::packed]] Header {
    char signature[4];
    std::uint32_t length;  ///< of the whole table
    std::uint8_t revision, checksum;
    char oem[6], oem_table[8];
    std::uint32_t oem_revision, creator, creator_revision;
};

/// The first table of that signature, wholly mapped and with a right checksum; nullptr without one.
const Header* find(std::string_view signature);

/// The table at a physical address, likewise.
const Header* map(std::uint64_t physical);

/// Fixed ACPI description table, section 5.2.9, as far as it is used.
struct [[gnu::packed]] Fadt {
    Header header;
    std::uint32_t firmware_control, dsdt;
    std::uint8_t reserved0, profile;
    std::uint16_t sci_interrupt;
    std::uint32_t smi_command;
    std::uint8_t acpi_enable, acpi_disable, s4bios, pstate;
    std::uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer;
    std::uint32_t gpe0, gpe1;
    std::uint8_t pm1_event_length, pm1_control_length, pm2_control_length, pm_timer_length;
};

/// The FADT if the machine has one that is long enough.
const Fadt* fadt();

}  // namespace u0::acpi
