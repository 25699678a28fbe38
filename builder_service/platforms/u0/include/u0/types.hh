// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace u0
{

/// Nanoseconds of the monotonic clock, which starts at 0 when the machine does.
using Nanoseconds = std::uint64_t;

/// "No deadline": later than any time the clock will show.
inline constexpr Nanoseconds never = ~Nanoseconds{0};

inline constexpr std::size_t page_size = 4096;

constexpr std::size_t pages_for(std::size_t bytes)
{
    return bytes / page_size + (bytes % page_size != 0);
}

}  // namespace u0

/// Code that runs only before the image is sealed; its pages are unmapped and reused afterwards.
#define U0_INIT_TEXT __attribute__((section(".u0.init.text"), noinline))
/// Data that is written only before the image is sealed and read-only ever after.
#define U0_SEALED_DATA __attribute__((section(".u0.sealed.data")))
