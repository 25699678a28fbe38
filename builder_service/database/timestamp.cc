// SPDX-License-Identifier: Apache-2.0
#include "builder_service/database/timestamp.hh"

#include <chrono>
#include <cstdio>
#include <ctime>

namespace unikernel
{

std::string timestamp()
{
    return timestamp(std::chrono::system_clock::now());
}

std::string timestamp(std::chrono::system_clock::time_point time)
{
    using namespace std::chrono;
    const auto now = floor<milliseconds>(time);
    const std::time_t seconds = system_clock::to_time_t(now);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[32];
    const auto length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    char fraction[16];
    std::snprintf(fraction, sizeof fraction, ".%03dZ",
                  static_cast<int>(now.time_since_epoch().count() % 1000));
    return std::string(text, length) + fraction;
}

std::optional<std::chrono::system_clock::time_point> parse_timestamp(std::string_view text)
{
    using namespace std::chrono;
    std::tm parts{};
    const std::string copy(text);
    const char* rest = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr)
        return std::nullopt;
    auto time = sys_days(year(parts.tm_year + 1900) / (parts.tm_mon + 1) / parts.tm_mday) +
                hours(parts.tm_hour) + minutes(parts.tm_min) + seconds(parts.tm_sec) + milliseconds(0);
    if (*rest == '.') {
        ++rest;
        for (int unit = 100; *rest >= '0' && *rest <= '9'; unit /= 10)
            time += milliseconds((*rest++ - '0') * unit);
    }
    return std::string_view(rest) == "Z" ? std::optional(time_point_cast<system_clock::duration>(time))
                                         : std::nullopt;
}

}  // namespace unikernel
