// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace unikernel
{

/// The candidate with the least edit distance (letters inserted, left out, replaced or swapped) to `word`, if
/// it is near enough to be what was meant: at most a third of its letters differ.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

/// "; did you mean X?", or "; there are A, B, C" when none is near, or nothing when there is none.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace unikernel
