// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace unikernel
{

/// One attempt at a build. Of the same build a builder may have two at once: one that was taken from it while
/// it could not be heard, and does not know yet, and one that it has claimed since.
struct BuildRun {
    std::string id;          ///< the build's
    std::int64_t epoch = 0;  ///< BuildRecord::epoch

    auto operator<=>(const BuildRun&) const = default;
};

}  // namespace unikernel
