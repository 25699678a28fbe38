// SPDX-License-Identifier: Apache-2.0
//
// What a program asks about its process and machine. There is one process, 1, of user 0; it has no parent
// but 0, no children, and no limits beyond the machine's.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <linux/futex.h>
#include <linux/sysinfo.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "config.gen.hh"
#include "u0/bootinfo.hh"
#include "u0/cmdline.hh"
#include "u0/console.hh"
#include "u0/file.hh"
#include "u0/memory.hh"
#include "u0/posix_time.hh"
#include "u0/power.hh"
#include "u0/random.hh"
#include "u0/syscall.hh"
#include "u0/thread.hh"

namespace u0::posix
{
namespace
{

constexpr std::size_t uts_length = sizeof(utsname::nodename);

void copy(char (&to)[uts_length], std::string_view from)
{
    std::size_t n = std::min(from.size(), uts_length - 1);
    std::memcpy(to, from.data(), n);
    to[n] = '\0';
}

}  // namespace

long sys_exit_group(const SyscallArgs& args)
{
    shutdown(args.integer(0) & 0xff);
}

long sys_getpid(const SyscallArgs&)
{
    return 1;
}
long sys_gettid(const SyscallArgs&)
{
    return scheduler::current().id;
}

/// getppid, and the user and group ids.
long sys_zero(const SyscallArgs&)
{
    return 0;
}

long sys_set_tid_address(const SyscallArgs& args)
{
    Thread& self = scheduler::current();
    self.clear_on_exit = args.pointer<int>(0);
    return self.id;
}

/// Robust mutexes: the head of the list of those a thread holds (module posix-threads reads it at its end).
long sys_set_robust_list(const SyscallArgs& args)
{
    if (args[1] != sizeof(robust_list_head))
        return -EINVAL;
    scheduler::current().robust_list = args.pointer<void>(0);
    return 0;
}

long sys_get_robust_list(const SyscallArgs& args)
{
    if (args.integer(0) != 0 && args.integer(0) != scheduler::current().id)
        return -ESRCH;
    *args.pointer<void*>(1) = scheduler::current().robust_list;
    *args.pointer<std::size_t>(2) = sizeof(robust_list_head);
    return 0;
}

long sys_arch_prctl(const SyscallArgs& args)
{
    constexpr int set_fs = 0x1002, get_fs = 0x1003;  // <asm/prctl.h>
    switch (args.integer(0)) {
    case set_fs:
        scheduler::set_fs_base(args[1]);
        return 0;
    case get_fs:
        *args.pointer<std::uint64_t>(1) = scheduler::current().fs_base;
        return 0;
    default:
        return -EINVAL;
    }
}

long sys_prctl(const SyscallArgs& args)
{
    constexpr int set_name = 15;  // <linux/prctl.h>
    return args.integer(0) == set_name ? 0 : -EINVAL;
}

long sys_uname(const SyscallArgs& args)
{
    utsname& out = *args.pointer<utsname>(0);
    copy(out.sysname, "Linux");  // programs and libraries compare it
    copy(out.nodename, cmdline::value("net.host").value_or(bootinfo().image_name));
    copy(out.release, "6.1.0-u0");
    copy(out.version, "u0 1.0.0");
    copy(out.machine, "x86_64");
    copy(out.domainname, "");
    return 0;
}

long sys_sysinfo(const SyscallArgs& args)
{
    struct sysinfo& out = *args.pointer<struct sysinfo>(0);
    out = {};
    out.uptime = static_cast<long>(monotonic_ns() / ns_per_second);
    out.totalram = memory::total_pages() * page_size;
    out.freeram = memory::free_pages() * page_size;
    out.procs = static_cast<unsigned short>(scheduler::thread_count());
    out.mem_unit = 1;
    return 0;
}

/// prlimit64, getrlimit and setrlimit. The soft limit of the stack is what a C library makes threads with.
long sys_prlimit64(const SyscallArgs& args)
{
    int resource = args.integer(1);
    if (resource < 0 || resource >= RLIM_NLIMITS)
        return -EINVAL;
    if (args[2] != 0)
        return args.pointer<const rlimit>(2)->rlim_cur == RLIM_INFINITY ? 0 : -EPERM;
    if (args[3] == 0)
        return 0;
    rlimit& out = *args.pointer<rlimit>(3);
    out = {RLIM_INFINITY, RLIM_INFINITY};
    if (resource == RLIMIT_STACK)
        out.rlim_cur = static_cast<rlim_t>(cfg::posix::stack_kib) * 1024;
    else if (resource == RLIMIT_NOFILE)
        out = {static_cast<rlim_t>(descriptors::limit()), static_cast<rlim_t>(descriptors::limit())};
    else if (resource == RLIMIT_CORE)
        out = {0, 0};
    return 0;
}

long sys_getrusage(const SyscallArgs& args)
{
    rusage& out = *args.pointer<rusage>(1);
    out = {};
    Nanoseconds now = monotonic_ns();
    out.ru_utime = {static_cast<time_t>(now / ns_per_second),
                    static_cast<suseconds_t>(now % ns_per_second / 1000)};
    out.ru_maxrss = static_cast<long>((memory::total_pages() - memory::free_pages()) * page_size / 1024);
    return 0;
}

/// As on Linux who does not want to wait is refused while there is no entropy but timing, and all others get
/// what that gives.
long sys_getrandom(const SyscallArgs& args)
{
    const int flags = args.integer(2);
    if ((flags & GRND_NONBLOCK) != 0 && (flags & GRND_INSECURE) == 0 && !random_well_seeded())
        return -EAGAIN;
    std::size_t n = std::min<std::size_t>(args[1], 0x1ffffff);
    random_fill(args.pointer<void>(0), n);
    return static_cast<long>(n);
}

long sys_sched_yield(const SyscallArgs&)
{
    scheduler::yield();
    return 0;
}

long sys_sched_getaffinity(const SyscallArgs& args)
{
    if (args[1] < sizeof(std::uint64_t))
        return -EINVAL;
    *args.pointer<std::uint64_t>(2) = 1;
    return sizeof(std::uint64_t);
}

long sys_sched_setaffinity(const SyscallArgs& args)
{
    return args[1] > 0 && (*args.pointer<unsigned char>(2) & 1) != 0 ? 0 : -EINVAL;
}

long sys_getcpu(const SyscallArgs& args)
{
    for (unsigned i = 0; i < 2; ++i)
        if (args[i] != 0)
            *args.pointer<unsigned>(i) = 0;
    return 0;
}

/// sched_setparam and its relatives: there is one scheduling policy.
long sys_scheduling(const SyscallArgs&)
{
    return 0;
}

}  // namespace u0::posix
