// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bits/types/struct_timespec.h>
#include <bits/types/struct_timeval.h>

#include "u0/clock.hh"

namespace u0
{

inline constexpr std::uint64_t ns_per_second = 1'000'000'000;

inline bool valid(const timespec& t)
{
    return t.tv_sec >= 0 && t.tv_nsec >= 0 && t.tv_nsec < static_cast<long>(ns_per_second);
}

/// A valid span of time in nanoseconds; what does not fit is `never`.
inline Nanoseconds to_ns(const timespec& t)
{
    auto seconds = static_cast<std::uint64_t>(t.tv_sec);
    if (seconds > (never - ns_per_second) / ns_per_second)
        return never;
    return seconds * ns_per_second + static_cast<std::uint64_t>(t.tv_nsec);
}

inline timespec to_timespec(Nanoseconds ns)
{
    return {static_cast<time_t>(ns / ns_per_second), static_cast<long>(ns % ns_per_second)};
}

/// The deadline `span` nanoseconds from now.
inline Nanoseconds after(Nanoseconds span)
{
    Nanoseconds now = monotonic_ns();
    return span > never - now ? never : now + span;
}

/// The deadline for a time of day.
inline Nanoseconds at_wall_time(Nanoseconds wall)
{
    Nanoseconds now = wall_ns();
    return wall <= now ? monotonic_ns() : after(wall - now);
}

}  // namespace u0
