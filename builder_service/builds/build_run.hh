// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <tuple>

namespace unikernel
{

/// One attempt at a build. Of the same build a builder may have two at once: one that was taken from it while
/// it could not be heard, and does not know yet, and one that it has claimed since.
struct BuildRun {
    std::string id;          ///< the build's
    std::int64_t epoch = 0;  ///< BuildRecord::epoch

    bool operator==(const BuildRun&) const = default;
    bool operator<(const BuildRun& other) const
    {
        return std::tie(id, epoch) < std::tie(other.id, other.epoch);
    }
};

}  // namespace unikernel
