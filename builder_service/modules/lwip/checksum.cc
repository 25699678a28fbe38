// SPDX-License-Identifier: Apache-2.0
#include "lwip_api.hh"
#include "u0/types.hh"

namespace
{
using Word = std::uint64_t __attribute__((may_alias, aligned(1)));
using HalfWord = std::uint32_t __attribute__((may_alias, aligned(1)));
using Pair = std::uint16_t __attribute__((may_alias, aligned(1)));
}  // namespace

/// RFC 1071: the sum of 16-bit words in one's complement, folded, not inverted; in 64-bit words, because the
/// sum does not depend on the word's size.  Bytes in memory order, as lwIP wants it.
std::uint16_t u0_lwip_checksum(const void* bytes, int size)
{
    const auto* at = static_cast<const unsigned char*>(bytes);
    std::uint64_t sum = 0;
    const auto add = [&sum](std::uint64_t word) {
        sum += word;
        sum += sum < word;  // the carry comes round
    };
    for (; size >= 32; size -= 32, at += 32)
        for (int i = 0; i < 4; ++i)
            add(reinterpret_cast<const Word*>(at)[i]);
    for (; size >= 8; size -= 8, at += 8)
        add(*reinterpret_cast<const Word*>(at));
    if (size >= 4) {
        add(*reinterpret_cast<const HalfWord*>(at));
        size -= 4, at += 4;
    }
    if (size >= 2) {
        add(*reinterpret_cast<const Pair*>(at));
        size -= 2, at += 2;
    }
    if (size > 0)
        add(*at);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}
