// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

#include "common/util/result.hh"

namespace unikernel
{

/// What runs in a guest before the image. QEMU loads the image itself, so all it needs of a firmware are
/// ACPI's tables and a jump; devices get their addresses from the image's own PCI module.
enum class Firmware {
    quickest,  ///< qboot, which does just that, where QEMU brings it; else as `bios`
    bios,      ///< QEMU's default for the machine types pc and q35: SeaBIOS
};

/// "auto" or "bios", as settings have it. Errors: invalid.
Result<Firmware> parse_firmware(std::string_view name);

/// The firmware's file for `<loader>`, on the host that QEMU runs on; empty: QEMU's default.
std::filesystem::path rom_of(Firmware firmware);

}  // namespace unikernel
