// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "u0/thread.hh"

namespace u0::posix_threads
{

/// Marks the robust mutexes a thread holds at its end as left behind by their owner, and wakes who waits
/// for them (Linux: Documentation/locking/robust-futex-ABI.rst).
void release_robust_mutexes(Thread& thread);

}  // namespace u0::posix_threads
