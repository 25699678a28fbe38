// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "u0/types.hh"

namespace u0
{

/// The registers of interrupted code, as traps.S leaves them on the stack; the code continues with what
/// stands here.
struct TrapFrame {
    std::uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    std::uint64_t vector, error;
    std::uint64_t rip, cs, flags, rsp, ss;
};

}  // namespace u0
