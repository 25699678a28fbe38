// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "u0/types.hh"

namespace u0
{

/// One block of ChaCha20 (RFC 8439, section 2.3), nonce 0: 64 bytes of output as sixteen words.
void chacha20_block(const std::uint32_t key[8], std::uint64_t counter, std::uint32_t out[16]);

}  // namespace u0
