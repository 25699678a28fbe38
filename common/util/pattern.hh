// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace unikernel
{

/// Whether the whole of `text` matches the ECMAScript regular expression, which must be a valid one
/// (std::regex_error otherwise). The caller bounds the text's length: the matcher's stack use grows with it.
bool matches(const std::string& text, const std::string& expression);

}  // namespace unikernel
