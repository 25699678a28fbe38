// SPDX-License-Identifier: Apache-2.0
//
// Signals as far as a C library needs them. A program can set handlers and raise a signal in its own thread,
// which calls the handler at once; nobody else ever sends one. A signal that would end a process ends the
// machine, with a line that says so.
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>

#include "u0/console.hh"
#include "u0/cpu.hh"
#include "u0/syscall.hh"
#include "u0/thread.hh"

namespace u0::posix
{
namespace
{

/// struct sigaction of the kernel's interface (not libc's).
struct Action {
    std::uint64_t handler;
    std::uint64_t flags;
    std::uint64_t restorer;
    std::uint64_t mask;
};

constexpr std::uint64_t default_action = 0, ignore_action = 1;
constexpr int signal_count = 64;
std::array<Action, signal_count + 1> actions;

std::uint64_t bit(int signal)
{
    return std::uint64_t{1} << (signal - 1);
}

bool ignored_by_default(int signal)
{
    return signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH || signal == SIGCONT;
}

/// Calls the handler as if the signal had come right at the system call, and like all the application's code
/// with interrupts on: it may compute for long. Others may have their turn meanwhile, and it may leave by
/// longjmp: libos is in the middle of nothing here, and has on this thread's own stack just the frames that
/// the handler returns to.
void call_handler(int signal, const Action& action)
{
    struct Info {  // the head of siginfo_t
        int number, error, code, padding;
        unsigned char rest[112];
    };
    alignas(16) unsigned char vectors[512];
    Info info{.number = signal, .error = 0, .code = -6 /* SI_TKILL */, .padding = 0, .rest = {}};
    alignas(16) static unsigned char context[1024];  // zeros: the registers of the call are not offered
    Thread& self = scheduler::current();
    std::uint64_t mask = self.signal_mask;
    self.signal_mask |= action.mask | ((action.flags & SA_NODEFER) != 0 ? 0 : bit(signal));
    if ((action.flags & SA_RESETHAND) != 0)
        actions[static_cast<std::size_t>(signal)].handler = default_action;
    asm volatile("fxsave64 %0" : "=m"(vectors));
    cpu::sti();
    reinterpret_cast<void (*)(int, Info*, void*)>(action.handler)(signal, &info, context);
    cpu::cli();
    asm volatile("fxrstor64 %0" : : "m"(vectors));
    self.signal_mask = mask;
}

long raise(int signal)
{
    if (signal < 0 || signal > signal_count)
        return -EINVAL;
    if (signal == 0)
        return 0;
    const Action action = actions[static_cast<std::size_t>(signal)];
    if (action.handler == ignore_action || (action.handler == default_action && ignored_by_default(signal)))
        return 0;
    if (action.handler != default_action) {
        call_handler(signal, action);
        return 0;
    }
    if (signal == SIGABRT)
        panic("abort()");
    panic("signal {}, which the application raised itself, ends it", signal);
}

}  // namespace

long sys_rt_sigaction(const SyscallArgs& args)
{
    int signal = args.integer(0);
    if (signal < 1 || signal > signal_count)
        return -EINVAL;
    Action& action = actions[static_cast<std::size_t>(signal)];
    Action old = action;
    if (args[1] != 0) {
        if (signal == SIGKILL || signal == SIGSTOP)
            return -EINVAL;
        action = *args.pointer<const Action>(1);
    }
    if (args[2] != 0)
        *args.pointer<Action>(2) = old;
    return 0;
}

long sys_rt_sigprocmask(const SyscallArgs& args)
{
    constexpr int block = 0, unblock = 1, set = 2;
    Thread& self = scheduler::current();
    std::uint64_t old = self.signal_mask;
    if (args[1] != 0) {
        std::uint64_t mask = *args.pointer<const std::uint64_t>(1);
        switch (args.integer(0)) {
        case block:
            self.signal_mask |= mask;
            break;
        case unblock:
            self.signal_mask &= ~mask;
            break;
        case set:
            self.signal_mask = mask;
            break;
        default:
            return -EINVAL;
        }
    }
    if (args[2] != 0)
        *args.pointer<std::uint64_t>(2) = old;
    return 0;
}

/// tgkill(group, thread, signal), tkill(thread, signal) and kill(process, signal).
long sys_tgkill(const SyscallArgs& args)
{
    return args.integer(1) == scheduler::current().id ? raise(args.integer(2)) : -ESRCH;
}

long sys_tkill(const SyscallArgs& args)
{
    return args.integer(0) == scheduler::current().id ? raise(args.integer(1)) : -ESRCH;
}

long sys_kill(const SyscallArgs& args)
{
    int process = args.integer(0);
    return process == 1 || process == 0 || process == -1 ? raise(args.integer(1)) : -ESRCH;
}

long sys_sigaltstack(const SyscallArgs& args)
{
    struct Stack {
        void* address;
        int flags;
        std::size_t size;
    };
    constexpr int disabled = 2;
    if (args[1] != 0)
        *args.pointer<Stack>(1) = {nullptr, disabled, 0};
    return 0;
}

/// pause and rt_sigsuspend: no signal will come.
long sys_pause(const SyscallArgs&)
{
    for (;;)
        scheduler::block(never);
}

}  // namespace u0::posix
