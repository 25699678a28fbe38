// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "u0/types.hh"

namespace u0
{

enum class BootProtocol : unsigned char { multiboot1, pvh };

/// What the loader said; read-only after boot.
struct BootInfo {
    BootProtocol protocol = BootProtocol::multiboot1;
    std::uint64_t memory_bytes = 0;  ///< usable RAM
    std::uint64_t acpi_rsdp = 0;     ///< physical address; 0: search the BIOS area
    std::string_view image_name;     ///< name of the image specification
};

const BootInfo& bootinfo();

}  // namespace u0
