// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace u0
{

/// Name of a system call of Linux on x86-64, for messages; "no name" for a number that has none.
std::string_view syscall_name(std::uint64_t number);

}  // namespace u0
