// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace u0::posix
{

/// Wakes up to `count` threads that wait on the futex at `address`; returns how many.
int futex_wake(const int* address, int count);

}  // namespace u0::posix
