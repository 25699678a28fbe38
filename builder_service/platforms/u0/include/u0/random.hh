// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "u0/types.hh"

namespace u0
{

/// Fills with bytes of a ChaCha20 generator (RFC 8439) with fast key erasure; never fails, never waits.
void random_fill(void* out, std::size_t bytes);
std::uint32_t random_u32();
std::uint64_t random_u64();

/// Whether at least 32 bytes came from a real source (RDSEED, RDRAND, virtio-rng) and not from
/// timing jitter alone.  The same from `boot.init` on.  When false the console says so, and getrandom(2)
/// answers only who would wait for entropy: nothing better will come.
bool random_well_seeded();

}  // namespace u0
