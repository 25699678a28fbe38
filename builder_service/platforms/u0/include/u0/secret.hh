// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace u0
{

/// A sealed credential: PBKDF2-HMAC-SHA256 (RFC 8018) of the plain text.
struct Secret {
    std::array<std::uint8_t, 16> salt{};
    std::array<std::uint8_t, 32> hash{};
    std::uint32_t iterations = 0;
};

}  // namespace u0
