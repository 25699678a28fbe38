// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace unikernel
{

/// The time now as RFC 3339 in UTC with milliseconds, "2026-01-01T00:00:00.000Z"; sorts as text.
std::string timestamp();
/// Another time in the same form.
std::string timestamp(std::chrono::system_clock::time_point time);
/// The reverse, with or without a fraction of a second, in UTC ("Z"). Nothing for what is none.
std::optional<std::chrono::system_clock::time_point> parse_timestamp(std::string_view text);

}  // namespace unikernel
