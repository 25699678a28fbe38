// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/util/result.hh"

namespace unikernel
{

/// "2026-12-01T00:00:00Z", with a fraction of a second (left out of the result) and another zone than UTC
/// ("+02:00") if it must be: RFC 3339, 5.6, with T and Z as capitals. Errors: invalid.
Result<std::chrono::sys_seconds> parse_rfc3339(std::string_view text);

/// "2026-12-01T00:00:00Z".
std::string to_rfc3339(std::chrono::sys_seconds time);

/// "30d": a whole number and s, m, h or d, at most 3650d. Errors: invalid.
Result<std::chrono::seconds> parse_duration(std::string_view text);

/// The shortest such text: "30d", "36h", "90s"; "0s". `duration` is not negative.
std::string to_text(std::chrono::seconds duration);

}  // namespace unikernel
