// SPDX-License-Identifier: Apache-2.0
#include "chacha20.hh"

namespace u0
{
namespace
{

constexpr std::uint32_t rotate(std::uint32_t value, int bits)
{
    return value << bits | value >> (32 - bits);
}

constexpr void quarter_round(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c, std::uint32_t& d)
{
    a += b, d = rotate(d ^ a, 16);
    c += d, b = rotate(b ^ c, 12);
    a += b, d = rotate(d ^ a, 8);
    c += d, b = rotate(b ^ c, 7);
}

}  // namespace

void chacha20_block(const std::uint32_t key[8], std::uint64_t counter, std::uint32_t out[16])
{
    std::uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    for (int i = 0; i < 8; ++i)
        start[4 + i] = key[i];
    start[12] = static_cast<std::uint32_t>(counter);
    start[13] = static_cast<std::uint32_t>(counter >> 32);
    for (int i = 0; i < 16; ++i)
        out[i] = start[i];
    for (int round = 0; round < 10; ++round) {
        quarter_round(out[0], out[4], out[8], out[12]);
        quarter_round(out[1], out[5], out[9], out[13]);
        quarter_round(out[2], out[6], out[10], out[14]);
        quarter_round(out[3], out[7], out[11], out[15]);
        quarter_round(out[0], out[5], out[10], out[15]);
        quarter_round(out[1], out[6], out[11], out[12]);
        quarter_round(out[2], out[7], out[8], out[13]);
        quarter_round(out[3], out[4], out[9], out[14]);
    }
    for (int i = 0; i < 16; ++i)
        out[i] += start[i];
}

}  // namespace u0
