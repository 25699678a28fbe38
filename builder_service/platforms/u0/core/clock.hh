// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "u0/types.hh"

namespace u0
{

/// Starts the clock at 0 and finds the frequency of the time stamp counter.
void clock_init();

/// Counts per second of the time stamp counter from the best source there is (clock_calibration.cc).
std::uint64_t tsc_frequency();

}  // namespace u0
