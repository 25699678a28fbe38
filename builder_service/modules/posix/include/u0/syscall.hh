// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace u0
{

/// The registers of an application's thread at its `syscall` instruction, as entry.S pushes them. A handler
/// reads its arguments with `args[i]`; clone copies the whole frame, since its child starts with every
/// register of the parent. Calling convention: "System V ABI, AMD64 supplement", A.2.1.
struct SyscallArgs {
    std::uint64_t number;       ///< rax, of <asm/unistd_64.h>
    std::uint64_t argument[6];  ///< rdi, rsi, rdx, r10, r8, r9
    std::uint64_t rbx, rbp, r12, r13, r14, r15;
    std::uint64_t return_address;  ///< rcx
    std::uint64_t flags;           ///< r11

    std::uint64_t operator[](unsigned i) const { return argument[i]; }

    /// Argument i as a pointer. Applications share the kernel's address space, so it is used as it comes; a
    /// wild one faults and is reported with its address.
    template <typename T>
    T* pointer(unsigned i) const
    {
        return reinterpret_cast<T*>(argument[i]);
    }

    /// Argument i where Linux takes an int: the upper half of the register is not defined.
    int integer(unsigned i) const { return static_cast<int>(argument[i]); }
};

namespace posix
{

/// Answers a clone that does not ask for a thread: says once on the console what is not possible.
long refuse_process(const SyscallArgs& args);

}  // namespace posix
}  // namespace u0
