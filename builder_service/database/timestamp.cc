// SPDX-License-Identifier: Apache-2.0
#include "builder_service/database/timestamp.hh"

#include <chrono>
#include <cstdio>
#include <ctime>

namespace unikernel
{

std::string timestamp()
{
    using namespace std::chrono;
    const auto now = floor<milliseconds>(system_clock::now());
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

}  // namespace unikernel
