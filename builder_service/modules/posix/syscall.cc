// SPDX-License-Identifier: Apache-2.0
//
// From the trap to the handler. `syscalls.gen.hh` holds one switch over the numbers of the calls that the
// installed modules serve; a call that nobody installed is not in the image.
#include <array>
#include <asm/unistd_64.h>
#include <cerrno>
#include <sched.h>

#include "syscall_names.hh"
#include "syscalls.gen.hh"
#include "u0/console.hh"
#include "u0/cpu.hh"
#include "u0/syscall.hh"
#include "u0/types.hh"

extern "C" void u0_syscall_entry();
extern "C" long u0_syscall(const u0::SyscallArgs& args);

namespace u0
{
namespace
{

/// Calls that a program may try although no module can ever serve them, with what to do instead.
struct Impossible {
    std::uint64_t number;
    long error;
    const char* reason;
};
constexpr const char* fork_text = "fork() is not possible in a unikernel; use threads";
constexpr Impossible impossible[] = {
    {__NR_fork, ENOSYS, fork_text},
    {__NR_vfork, ENOSYS, "vfork() is not possible in a unikernel; use threads"},
    {__NR_execve, EPERM, "execve() is not possible in a unikernel; link the code into the application"},
    {__NR_execveat, EPERM, "execveat() is not possible in a unikernel; link the code into the application"},
    {__NR_wait4, ECHILD, "wait4() is not possible in a unikernel; there are no child processes"},
    {__NR_waitid, ECHILD, "waitid() is not possible in a unikernel; there are no child processes"},
    {__NR_ptrace, EPERM, "ptrace() is not possible in a unikernel"},
    {__NR_shmget, ENOSYS, "shmget() is not possible in a unikernel; threads share all memory"},
    {__NR_mount, EPERM, "mount() is not possible in a unikernel; there are no file systems"},
};

/// Remembers which numbers were reported: one line for each kind of call is enough.
std::array<std::uint64_t, 8> reported;

bool first_time(std::uint64_t number)
{
    if (number >= reported.size() * 64)
        return true;
    std::uint64_t bit = std::uint64_t{1} << number % 64;
    bool seen = (reported[number / 64] & bit) != 0;
    reported[number / 64] |= bit;
    return !seen;
}

[[gnu::noinline, gnu::cold]] long refuse(const SyscallArgs& args)
{
    if (args.number == __NR_clone)
        return posix::refuse_process(args);
    for (const Impossible& call : impossible) {
        if (call.number != args.number)
            continue;
        if (first_time(args.number))
            log("{}", call.reason);
        return -call.error;
    }
    if (first_time(args.number))
        log("system call {} ({}) is not in this image; it fails with ENOSYS", args.number,
            syscall_name(args.number));
    return -ENOSYS;
}

}  // namespace

namespace posix
{

long refuse_process(const SyscallArgs& args)
{
    std::uint64_t flags = args[0];
    if ((flags & CLONE_THREAD) != 0 && first_time(__NR_clone))
        log("threads are not in this image; install the module posix-threads");
    else if ((flags & CLONE_VFORK) != 0 && first_time(__NR_vfork))
        log("posix_spawn() and system() are not possible in a unikernel; use threads");
    else if ((flags & CLONE_VM) == 0 && first_time(__NR_fork))
        log("{}", fork_text);
    return -ENOSYS;
}

/// Known calls that fail as on a kernel built without them: libc tries them and has another way.
long sys_absent(const SyscallArgs&)
{
    return -ENOSYS;
}

/// Point `boot.init`: directs the `syscall` instruction to entry.S, with interrupts off as libos needs.
void install_syscalls()
{
    constexpr std::uint32_t ia32_star = 0xC0000081, ia32_lstar = 0xC0000082, ia32_fmask = 0xC0000084;
    constexpr std::uint64_t trap_interrupt_direction = 0x700;
    cpu::wrmsr(ia32_star, std::uint64_t{cpu::code_selector} << 32);
    cpu::wrmsr(ia32_lstar, reinterpret_cast<std::uint64_t>(&u0_syscall_entry));
    cpu::wrmsr(ia32_fmask, trap_interrupt_direction);
}

}  // namespace posix
}  // namespace u0

long u0_syscall(const u0::SyscallArgs& args)
{
    switch (args.number) {
#define U0_SYSCALL(name, handler)                                                                            \
    case __NR_##name:                                                                                        \
        return handler(args);
        U0_SYSCALLS
#undef U0_SYSCALL
    default:
        return u0::refuse(args);
    }
}
