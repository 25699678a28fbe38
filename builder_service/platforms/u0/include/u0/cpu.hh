// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "u0/types.hh"

/// Instructions of x86-64 that C++ cannot say.  Names are the instructions' own.
namespace u0::cpu
{

inline constexpr std::uint16_t code_selector = 0x08, data_selector = 0x10;  // STAR[47:32] = 0x08

struct Cpuid {
    std::uint32_t a, b, c, d;
};
inline Cpuid cpuid(std::uint32_t leaf, std::uint32_t sub = 0)
{
    Cpuid r;
    asm volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
    return r;
}

inline std::uint64_t rdtsc()
{
    std::uint32_t low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return std::uint64_t{high} << 32 | low;
}
inline std::uint64_t rdmsr(std::uint32_t msr)
{
    std::uint32_t low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return std::uint64_t{high} << 32 | low;
}
inline void wrmsr(std::uint32_t msr, std::uint64_t value)
{
    asm volatile("wrmsr"
                 :
                 : "c"(msr), "a"(static_cast<std::uint32_t>(value)),
                   "d"(static_cast<std::uint32_t>(value >> 32))
                 : "memory");
}

inline void outb(std::uint16_t port, std::uint8_t value)
{
    asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
inline void outw(std::uint16_t port, std::uint16_t value)
{
    asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}
inline void outl(std::uint16_t port, std::uint32_t value)
{
    asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}
inline std::uint8_t inb(std::uint16_t port)
{
    std::uint8_t value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
inline std::uint16_t inw(std::uint16_t port)
{
    std::uint16_t value;
    asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
inline std::uint32_t inl(std::uint16_t port)
{
    std::uint32_t value;
    asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

/// Interrupts off; libos itself always runs so.
inline void cli()
{
    asm volatile("cli" : : : "memory");
}
/// Interrupts on, for code of the application: its thread may be continued much later.
inline void sti()
{
    asm volatile("sti" : : : "memory");
}
[[noreturn]] inline void halt_for_ever()
{
    for (;;)
        asm volatile("cli; hlt" : : : "memory");
}

}  // namespace u0::cpu
