// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "u0/cpu.hh"

/// The MC146818 real-time clock of both machine types (Motorola data sheet; Intel PIIX3 and ICH9 keep its
/// registers). Inline, because it is read by the boot path, whose code is unmapped later, and by modules.
namespace u0::real_time_clock
{

inline unsigned read_register(std::uint8_t index)
{
    cpu::outb(0x70, index);
    return cpu::inb(0x71);
}

/// Registers change within the next 244 us, or change now; also where there is no such clock (all ones).
inline bool updating()
{
    return read_register(0x0a) & 0x80;
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (H. Hinnant, "chrono-compatible low-level date
/// algorithms", days_from_civil).
constexpr std::uint64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
    const unsigned shifted = month > 2 ? year : year - 1;
    const unsigned era = shifted / 400, year_of_era = shifted % 400;
    const unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    const std::uint64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return std::uint64_t{era} * 146097 + day_of_era - 719468;
}

/// Seconds since 1970-01-01 UTC, in the years 2000 to 2099 (hypervisors run this clock in UTC); nothing while
/// it is updating(), or when what it says is no date. About ten port accesses, each an exit to the
/// hypervisor.
[[gnu::always_inline]] inline std::optional<std::uint64_t> read()
{
    if (updating())
        return {};
    const unsigned mode = read_register(0x0b);
    const auto number = [mode](unsigned value) {
        return mode & 4 ? value : (value >> 4) * 10 + (value & 15);
    };
    const unsigned raw_hour = read_register(4);
    unsigned hour = number(raw_hour & 0x7f);
    if (!(mode & 2))
        hour = hour % 12 + (raw_hour & 0x80 ? 12 : 0);
    const unsigned second = number(read_register(0)), minute = number(read_register(2));
    const unsigned day = number(read_register(7)), month = number(read_register(8));
    const unsigned year = 2000 + number(read_register(9));
    const bool torn = updating() || number(read_register(0)) != second;
    if (torn || second > 59 || minute > 59 || hour > 23 || day < 1 || day > 31 || month < 1 || month > 12 ||
        year > 2099)
        return {};
    return ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
}

}  // namespace u0::real_time_clock
