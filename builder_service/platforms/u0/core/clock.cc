// SPDX-License-Identifier: Apache-2.0
#include "u0/clock.hh"

#include "clock.hh"
#include "u0/console.hh"
#include "u0/cpu.hh"
#include "u0/real_time_clock.hh"

namespace u0
{
namespace
{

U0_SEALED_DATA std::uint64_t tsc_at_boot = 0;
U0_SEALED_DATA std::uint64_t ns_per_count = 0;  // fixed point, 32 bits of fraction
U0_SEALED_DATA std::uint64_t wall_at_boot = 0;

/// Nanoseconds since 1970; 0 when there is no such clock, or none that says a date.
U0_INIT_TEXT std::uint64_t read_real_time_clock()
{
    constexpr Nanoseconds patience = 10'000'000;  // an update takes 2 ms at most
    const Nanoseconds begin = monotonic_ns();
    do {
        if (const auto seconds = real_time_clock::read())
            return *seconds * 1'000'000'000;
    } while (monotonic_ns() - begin < patience);
    return 0;
}

}  // namespace

U0_INIT_TEXT void clock_init()
{
    tsc_at_boot = cpu::rdtsc();
    const std::uint64_t frequency = tsc_frequency();
    constexpr std::uint64_t lowest = 300'000'000, highest = 10'000'000'000;
    if (frequency < lowest || frequency > highest)
        panic("no usable clock: the time stamp counter seems to run at {} Hz", frequency);
    ns_per_count = (std::uint64_t{1'000'000'000} << 32) / frequency;
    wall_at_boot = read_real_time_clock() - monotonic_ns();
}

Nanoseconds monotonic_ns()
{
    return static_cast<std::uint64_t>(
        static_cast<unsigned __int128>(cpu::rdtsc() - tsc_at_boot) * ns_per_count >> 32);
}

std::uint64_t wall_ns()
{
    return wall_at_boot + monotonic_ns();
}

}  // namespace u0
