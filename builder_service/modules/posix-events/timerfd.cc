// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/timerfd.h>

#include "u0/file.hh"
#include "u0/posix_time.hh"
#include "u0/syscall.hh"

namespace u0::posix_events
{
namespace
{

/// timerfd_create(2): counts how often its time has come.
class Timer final : public File
{
public:
    explicit Timer(int clock) : clock_(clock) {}

    long read(Buffers& to, bool nonblocking) override
    {
        if (to.size() < sizeof(std::uint64_t))
            return -EINVAL;
        if (const Nanoseconds now = monotonic_ns(); deadline_ <= now)
            expire(now);  // nobody may have polled since
        while (expirations_ == 0) {
            if (nonblocking)
                return -EAGAIN;
            wait(EPOLLIN);
        }
        std::uint64_t count = std::exchange(expirations_, 0);
        to.fill(&count, sizeof count);
        return sizeof count;
    }
    std::uint32_t ready() override { return expirations_ > 0 ? EPOLLIN : 0U; }
    Kind kind() const override { return Kind::timer; }

    void set(const itimerspec& setting, bool absolute);
    itimerspec remaining() const;

    /// Counts the expirations up to `now`, and sets the next.
    void expire(Nanoseconds now);

    Nanoseconds deadline() const { return deadline_; }

    Link<Timer> link;

protected:
    ~Timer() override;

private:
    int clock_;
    Nanoseconds deadline_ = never;
    Nanoseconds interval_ = 0;
    std::uint64_t expirations_ = 0;
};

/// Those that run, earliest first.
using Timers = List<Timer, &Timer::link>;
Timers timers;

void insert(Timer& timer)
{
    Timer* after = timers.back();
    while (after && after->deadline() > timer.deadline())
        after = Timers::previous(*after);
    timers.insert(timer, after ? Timers::next(*after) : timers.front());
}

Timer::~Timer()
{
    timers.remove(*this);
}

void Timer::set(const itimerspec& setting, bool absolute)
{
    timers.remove(*this);
    expirations_ = 0;
    interval_ = to_ns(setting.it_interval);
    Nanoseconds value = to_ns(setting.it_value);
    if (value == 0) {
        deadline_ = never;
        return;
    }
    deadline_ = !absolute ? after(value) : clock_ == CLOCK_REALTIME ? at_wall_time(value) : value;
    insert(*this);
}

itimerspec Timer::remaining() const
{
    Nanoseconds now = monotonic_ns();
    Nanoseconds left = deadline_ == never ? 0 : deadline_ > now ? deadline_ - now : 1;
    return {.it_interval = to_timespec(interval_), .it_value = to_timespec(left)};
}

void Timer::expire(Nanoseconds now)
{
    timers.remove(*this);
    if (interval_ == 0) {
        ++expirations_;
        deadline_ = never;
    } else {
        const Nanoseconds missed = (now - deadline_) / interval_, last = deadline_ + missed * interval_;
        expirations_ += missed + 1;
        deadline_ = interval_ > never - last ? never : last + interval_;
        insert(*this);
    }
    notify(EPOLLIN);
}

Timer* find(const FileRef& file)
{
    return file->kind() == File::Kind::timer ? static_cast<Timer*>(file.get()) : nullptr;
}

}  // namespace

/// Point `idle.poll`.
bool expire_timers()
{
    if (timers.empty())
        return false;
    Nanoseconds now = monotonic_ns();
    bool any = false;
    while (Timer* first = timers.front()) {
        if (first->deadline() > now)
            break;
        first->expire(now);
        any = true;
    }
    return any;
}

/// Point `idle.deadline`.
Nanoseconds next_timer()
{
    return timers.empty() ? never : timers.front()->deadline();
}

long sys_timerfd_create(const SyscallArgs& args)
{
    int clock = args.integer(0), flags = args.integer(1);
    if ((clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME) ||
        (flags & ~(TFD_CLOEXEC | TFD_NONBLOCK)) != 0)
        return -EINVAL;
    FileRef file(new Timer(clock));
    if (!file)
        return -ENOMEM;
    file->status = O_RDWR | (flags & O_NONBLOCK);
    return descriptors::add(std::move(file), (flags & TFD_CLOEXEC) != 0);
}

long sys_timerfd_settime(const SyscallArgs& args)
{
    FileRef file = descriptors::get(args.integer(0));
    if (!file)
        return -EBADF;
    Timer* timer = find(file);
    const itimerspec& setting = *args.pointer<const itimerspec>(2);
    if (!timer || !valid(setting.it_value) || !valid(setting.it_interval))
        return -EINVAL;
    if (args[3] != 0)
        *args.pointer<itimerspec>(3) = timer->remaining();
    timer->set(setting, (args.integer(1) & TFD_TIMER_ABSTIME) != 0);
    return 0;
}

long sys_timerfd_gettime(const SyscallArgs& args)
{
    FileRef file = descriptors::get(args.integer(0));
    if (!file)
        return -EBADF;
    Timer* timer = find(file);
    if (!timer)
        return -EINVAL;
    *args.pointer<itimerspec>(1) = timer->remaining();
    return 0;
}

}  // namespace u0::posix_events
