// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace unikernel
{

/// What keeps `expression` from being an ECMAScript regular expression that matches() takes, in a sentence;
/// nothing if it is one. References back (\1) are not taken.
std::optional<std::string> wrong_with_pattern(const std::string& expression);

/// Whether the whole of `text` matches the ECMAScript regular expression, which must be a valid one
/// (std::regex_error otherwise). Its stack grows with the expression (6.5 MiB for the largest that libstdc++
/// takes) and not with the text; its time with the product of both, so the caller bounds the text's length.
bool matches(const std::string& text, const std::string& expression);

}  // namespace unikernel
