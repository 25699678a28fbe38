// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace unikernel
{

enum class GuestEnd {
    power_off,     ///< ACPI S5
    spin,          ///< runs on, deaf to the power button
    triple_fault,  ///< the machine resets, and again
};

/// Assembles a multiboot kernel with `as` and `ld` that prints `text` on the first serial port, then ends
/// as told. Throws std::runtime_error if the tools fail: a broken test, not a failed one.
void build_guest(const std::filesystem::path& image, const std::string& text, GuestEnd end);

}  // namespace unikernel
