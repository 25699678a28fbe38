// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/new_id.hh"

#include <array>
#include <cstdint>
#include <random>
#include <string_view>

namespace unikernel
{

std::string new_id()
{
    static thread_local std::random_device device;
    std::array<std::uint32_t, 4> words{};
    for (auto& word : words)
        word = device();
    words[1] = (words[1] & 0xffff0fffU) | 0x00004000U;
    words[2] = (words[2] & 0x3fffffffU) | 0x80000000U;
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (std::size_t nibble = 0; nibble < 32; ++nibble) {
        if (nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20)
            text += '-';
        text += digits[(words[nibble / 8] >> (28 - 4 * (nibble % 8))) & 15U];
    }
    return text;
}

}  // namespace unikernel
