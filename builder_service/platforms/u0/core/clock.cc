// SPDX-License-Identifier: Apache-2.0
#include "u0/clock.hh"

#include "clock.hh"
#include "u0/console.hh"
#include "u0/cpu.hh"

namespace u0
{
namespace
{

U0_SEALED_DATA std::uint64_t tsc_at_boot = 0;
U0_SEALED_DATA std::uint64_t ns_per_count = 0;  // fixed point, 32 bits of fraction
U0_SEALED_DATA std::uint64_t wall_at_boot = 0;

U0_INIT_TEXT unsigned read_cmos(std::uint8_t index)
{
    cpu::outb(0x70, index);
    return cpu::inb(0x71);
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (H. Hinnant, "chrono-compatible low-level date
/// algorithms", days_from_civil).
U0_INIT_TEXT std::uint64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
    const unsigned shifted = month > 2 ? year : year - 1;
    const unsigned era = shifted / 400, year_of_era = shifted % 400;
    const unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    const std::uint64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return std::uint64_t{era} * 146097 + day_of_era - 719468;
}

/// MC146818 real-time clock, UTC; nanoseconds since 1970.
U0_INIT_TEXT std::uint64_t read_real_time_clock()
{
    while (read_cmos(0x0a) & 0x80) {  // an update is in progress, for at most 2 ms
    }
    const unsigned mode = read_cmos(0x0b);
    const auto read = [mode](std::uint8_t index) {
        const unsigned value = read_cmos(index);
        return mode & 4 ? value : (value >> 4) * 10 + (value & 15);
    };
    unsigned hour = read_cmos(4);
    const bool afternoon = !(mode & 2) && (hour & 0x80);
    hour &= 0x7f;
    if (!(mode & 4))
        hour = (hour >> 4) * 10 + (hour & 15);
    if (!(mode & 2))
        hour = hour % 12 + (afternoon ? 12 : 0);
    const unsigned second = read(0), minute = read(2), day = read(7), month = read(8);
    const unsigned year = 2000 + read(9) % 100;
    if (month < 1 || month > 12)
        return 0;
    return (((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1'000'000'000;
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
