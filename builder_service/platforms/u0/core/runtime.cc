// SPDX-License-Identifier: Apache-2.0
// What the compiler takes for granted.  Copies go in 64-bit words: no vector registers in libos, and
// `rep movs` costs an instruction per byte under emulation.
#include "u0/console.hh"

namespace
{
using Word = std::uint64_t __attribute__((may_alias, aligned(1)));
}

extern "C" {

void* memcpy(void* __restrict out, const void* __restrict in, std::size_t size)
{
    auto* to = static_cast<unsigned char*>(out);
    const auto* from = static_cast<const unsigned char*>(in);
    for (; size >= 64; size -= 64, to += 64, from += 64) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i)
            reinterpret_cast<Word*>(to)[i] = reinterpret_cast<const Word*>(from)[i];
    }
    if (size < 8) {
        for (; size; --size)
            *to++ = *from++;
        return out;
    }
    unsigned char* const last = to + size - 8;  // the last word may write some bytes a second time
    const Word last_word = *reinterpret_cast<const Word*>(from + size - 8);
    for (; to < last; to += 8, from += 8)
        *reinterpret_cast<Word*>(to) = *reinterpret_cast<const Word*>(from);
    *reinterpret_cast<Word*>(last) = last_word;
    return out;
}

void* memmove(void* out, const void* in, std::size_t size)
{
    auto* to = static_cast<unsigned char*>(out);
    const auto* from = static_cast<const unsigned char*>(in);
    // Each word is read before it is written, and the direction keeps unread bytes from being overwritten.
    if (to <= from) {
        for (; size >= 8; size -= 8, to += 8, from += 8)
            *reinterpret_cast<Word*>(to) = *reinterpret_cast<const Word*>(from);
        for (; size; --size)
            *to++ = *from++;
        return out;
    }
    for (; size >= 8; size -= 8)
        *reinterpret_cast<Word*>(to + size - 8) = *reinterpret_cast<const Word*>(from + size - 8);
    for (; size; --size)
        to[size - 1] = from[size - 1];
    return out;
}

void* memset(void* out, int value, std::size_t size)
{
    auto* to = static_cast<unsigned char*>(out);
    const Word word = 0x0101010101010101u * static_cast<unsigned char>(value);
    for (; size >= 64; size -= 64, to += 64) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i)
            reinterpret_cast<Word*>(to)[i] = word;
    }
    for (; size >= 8; size -= 8, to += 8)
        *reinterpret_cast<Word*>(to) = word;
    for (; size; --size)
        *to++ = static_cast<unsigned char>(value);
    return out;
}

int memcmp(const void* left, const void* right, std::size_t size)
{
    const auto* a = static_cast<const unsigned char*>(left);
    const auto* b = static_cast<const unsigned char*>(right);
    for (; size >= 8; size -= 8, a += 8, b += 8)
        if (*reinterpret_cast<const Word*>(a) != *reinterpret_cast<const Word*>(b))
            break;
    for (; size; --size, ++a, ++b)
        if (*a != *b)
            return *a - *b;
    return 0;
}

void* memchr(const void* text, int wanted, std::size_t size)
{
    const auto* at = static_cast<const unsigned char*>(text);
    for (; size; --size, ++at)
        if (*at == static_cast<unsigned char>(wanted))
            return const_cast<unsigned char*>(at);
    return nullptr;
}

std::size_t strlen(const char* text)
{
    std::size_t size = 0;
    while (text[size])
        ++size;
    return size;
}

int strcmp(const char* a, const char* b)
{
    for (; *a && *a == *b; ++a, ++b) {
    }
    return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}

int strncmp(const char* a, const char* b, std::size_t size)
{
    for (; size && *a && *a == *b; --size, ++a, ++b) {
    }
    return size ? static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b) : 0;
}

[[noreturn]] void __cxa_pure_virtual()
{
    u0::panic("pure virtual function called");
}

}  // extern "C"

// libstdc++'s headers call these where a hosted program would throw.
namespace std
{
[[noreturn]] void __throw_out_of_range_fmt(const char*, ...)
{
    u0::panic("index out of range");
}
[[noreturn]] void __throw_length_error(const char*)
{
    u0::panic("length error");
}
[[noreturn]] void __throw_logic_error(const char*)
{
    u0::panic("logic error");
}
[[noreturn]] void __glibcxx_assert_fail(const char*, int, const char*, const char*) noexcept
{
    u0::panic("assertion failed");
}
}  // namespace std
