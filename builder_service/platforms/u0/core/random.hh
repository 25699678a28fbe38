// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "u0/types.hh"

namespace u0
{

/// From the processor alone, before anything else runs; its first word also moves the address space.
std::uint64_t random_init();

/// Once devices are known: asks the point `random.seed`.
void random_seed_from_devices();

}  // namespace u0
