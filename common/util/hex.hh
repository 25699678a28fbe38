// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace unikernel
{

/// Lower-case hexadecimal, two digits per byte.
std::string to_hex(std::span<const std::uint8_t> bytes);

/// The inverse; nothing if the length is odd or a character is not a digit (either case).
std::optional<std::vector<std::uint8_t>> from_hex(std::string_view text);

}  // namespace unikernel
