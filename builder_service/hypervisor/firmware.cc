// SPDX-License-Identifier: Apache-2.0
#include "builder_service/hypervisor/firmware.hh"

#include <string>

namespace unikernel
{

Result<Firmware> parse_firmware(std::string_view name)
{
    if (name == "auto") {
        return Firmware::quickest;
    }
    if (name == "bios") {
        return Firmware::bios;
    }
    return fail(FailureKind::invalid, "firmware: '" + std::string(name) + "' is neither auto nor bios");
}

std::filesystem::path rom_of(Firmware firmware)
{
    // Where distributions install QEMU's own files (its package qemu-system-data in Debian).
    const std::filesystem::path qboot = "/usr/share/qemu/qboot.rom";
    std::error_code none;
    return firmware == Firmware::quickest && std::filesystem::exists(qboot, none) ? qboot
                                                                                  : std::filesystem::path();
}

}  // namespace unikernel
