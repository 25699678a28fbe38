// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "u0/types.hh"

/// Addresses that link.ld defines.  Only the addresses of these mean anything.
extern "C" {
extern const char __u0_image_start[], __u0_text_end[], __u0_init_text_end[];
extern const char __u0_rodata_start[], __u0_rodata_end[];
extern const char __u0_sealed_start[], __u0_sealed_end[];
extern const char __u0_relro_start[], __u0_relro_end[];
extern const char __u0_init_bss_start[], __u0_init_bss_end[];
extern const char __u0_bss_end[];
// entry.S: the absent page below each stack
extern const char u0_guard_boot_stack_top[], u0_guard_interrupt_stack_top[], u0_guard_exception_stack_top[],
    u0_guard_emergency_stack_top[];
extern char boot_stack_top[], interrupt_stack_top[], exception_stack_top[], emergency_stack_top[];
}

namespace u0
{

inline std::uint64_t address_of(const void* symbol)
{
    return reinterpret_cast<std::uint64_t>(symbol);
}

inline const char* const stack_guards[] = {u0_guard_boot_stack_top, u0_guard_interrupt_stack_top,
                                           u0_guard_exception_stack_top, u0_guard_emergency_stack_top};

}  // namespace u0
