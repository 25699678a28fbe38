// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>

namespace unikernel
{

/// Both clocks, so that tests can make them jump. Wall time is for what is stored, compared with dates that
/// people wrote, and shown; how long something took is measured by the steady one alone.
struct Clock {
    std::function<std::chrono::system_clock::time_point()> wall = std::chrono::system_clock::now;
    std::function<std::chrono::steady_clock::time_point()> steady = std::chrono::steady_clock::now;

    /// Milliseconds since 1970 UTC.
    std::int64_t wall_ms() const
    {
        return std::chrono::duration_cast<std::chrono::milliseconds>(wall().time_since_epoch()).count();
    }
};

}  // namespace unikernel
