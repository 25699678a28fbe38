// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace u0::validity
{

/// A time of the years 1970 to 9999, in seconds since 1970-01-01 UTC, as RFC 3339 has it:
/// "2026-12-01T00:00:00Z" (H. Hinnant, "chrono-compatible low-level date algorithms", civil_from_days).
constexpr std::array<char, 20> utc_text(std::uint64_t seconds)
{
    const std::uint64_t days = seconds / 86400 + 719468, of_day = seconds % 86400;
    const std::uint64_t era = days / 146097, day_of_era = days % 146097;
    const std::uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const std::uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const std::uint64_t shifted = (5 * day_of_year + 2) / 153;  // 0 is March
    const std::uint64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    const std::uint64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);

    std::array<char, 20> text{};
    std::string_view("0000-00-00T00:00:00Z").copy(text.data(), text.size());
    const auto put = [&text](std::size_t last, std::uint64_t number) {
        for (; number != 0; number /= 10)
            text[last--] = static_cast<char>('0' + number % 10);
    };
    put(3, year);
    put(6, month);
    put(9, day_of_year - (153 * shifted + 2) / 5 + 1);
    put(12, of_day / 3600);
    put(15, of_day / 60 % 60);
    put(18, of_day % 60);
    return text;
}

}  // namespace u0::validity
