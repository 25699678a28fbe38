// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <ctime>
#include <sys/time.h>
#include <sys/times.h>

#include "u0/posix_time.hh"
#include "u0/syscall.hh"
#include "u0/thread.hh"

namespace u0::posix
{
namespace
{

/// Reads a clock of clock_gettime(2). Processor time is the time since boot: the program has the processor
/// to itself.
bool read_clock(int id, Nanoseconds& now)
{
    switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI:
        now = wall_ns();
        return true;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
    case CLOCK_PROCESS_CPUTIME_ID:
    case CLOCK_THREAD_CPUTIME_ID:
        now = monotonic_ns();
        return true;
    default:
        // The processor-time clocks of a process or a thread that clock_getcpuclockid makes are negative.
        now = monotonic_ns();
        return id < 0;
    }
}

long sleep_until(Nanoseconds deadline)
{
    while (monotonic_ns() < deadline)
        scheduler::block(deadline);
    return 0;
}

}  // namespace

long sys_clock_gettime(const SyscallArgs& args)
{
    Nanoseconds now = 0;
    if (!read_clock(args.integer(0), now))
        return -EINVAL;
    *args.pointer<timespec>(1) = to_timespec(now);
    return 0;
}

long sys_clock_getres(const SyscallArgs& args)
{
    Nanoseconds ignored = 0;
    if (!read_clock(args.integer(0), ignored))
        return -EINVAL;
    if (args[1] != 0)
        *args.pointer<timespec>(1) = {0, 1};
    return 0;
}

long sys_gettimeofday(const SyscallArgs& args)
{
    Nanoseconds now = wall_ns();
    if (args[0] != 0)
        *args.pointer<timeval>(0) = {static_cast<time_t>(now / ns_per_second),
                                     static_cast<suseconds_t>(now % ns_per_second / 1000)};
    return 0;
}

long sys_time(const SyscallArgs& args)
{
    long now = static_cast<long>(wall_ns() / ns_per_second);
    if (args[0] != 0)
        *args.pointer<long>(0) = now;
    return now;
}

long sys_times(const SyscallArgs& args)
{
    constexpr Nanoseconds tick = ns_per_second / 100;
    long now = static_cast<long>(monotonic_ns() / tick);
    if (args[0] != 0)
        *args.pointer<tms>(0) = {.tms_utime = now, .tms_stime = 0, .tms_cutime = 0, .tms_cstime = 0};
    return now;
}

long sys_nanosleep(const SyscallArgs& args)
{
    const timespec& span = *args.pointer<const timespec>(0);
    return valid(span) ? sleep_until(after(to_ns(span))) : -EINVAL;
}

long sys_clock_nanosleep(const SyscallArgs& args)
{
    Nanoseconds now = 0;
    const timespec& time = *args.pointer<const timespec>(2);
    if (!read_clock(args.integer(0), now) || !valid(time))
        return -EINVAL;
    Nanoseconds wanted = to_ns(time);
    if ((args.integer(1) & TIMER_ABSTIME) != 0)
        wanted = wanted > now ? wanted - now : 0;
    return sleep_until(after(wanted));
}

}  // namespace u0::posix
