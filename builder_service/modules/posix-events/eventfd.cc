// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <fcntl.h>
#include <sys/eventfd.h>

#include "u0/file.hh"
#include "u0/syscall.hh"

namespace u0::posix_events
{
namespace
{

/// eventfd(2): a 64-bit counter.
class EventCounter final : public File
{
public:
    EventCounter(std::uint64_t value, bool semaphore) : value_(value), semaphore_(semaphore) {}

    long read(Buffers& to, bool nonblocking) override
    {
        if (to.size() < sizeof value_)
            return -EINVAL;
        while (value_ == 0) {
            if (nonblocking)
                return -EAGAIN;
            wait(EPOLLIN);
        }
        std::uint64_t taken = semaphore_ ? 1 : value_;
        value_ -= taken;
        to.fill(&taken, sizeof taken);
        notify(EPOLLOUT);
        return sizeof taken;
    }

    long write(Buffers& from, bool nonblocking) override
    {
        std::uint64_t added = 0;
        if (from.size() < sizeof added)
            return -EINVAL;
        from.take(&added, sizeof added);
        if (added > maximum)
            return -EINVAL;
        while (added > maximum - value_) {
            if (nonblocking)
                return -EAGAIN;
            wait(EPOLLOUT);
        }
        value_ += added;
        notify(EPOLLIN);
        return sizeof added;
    }

    std::uint32_t ready() override
    {
        return (value_ > 0 ? EPOLLIN : 0U) | (value_ < maximum ? EPOLLOUT : 0U);
    }

private:
    static constexpr std::uint64_t maximum = ~std::uint64_t{0} - 1;
    std::uint64_t value_;
    bool semaphore_;
};

long create(unsigned value, int flags)
{
    if ((flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) != 0)
        return -EINVAL;
    FileRef file(new EventCounter(value, (flags & EFD_SEMAPHORE) != 0));
    if (!file)
        return -ENOMEM;
    file->status = O_RDWR | (flags & O_NONBLOCK);
    return descriptors::add(std::move(file), (flags & EFD_CLOEXEC) != 0);
}

}  // namespace

long sys_eventfd(const SyscallArgs& args)
{
    return create(static_cast<unsigned>(args[0]), 0);
}
long sys_eventfd2(const SyscallArgs& args)
{
    return create(static_cast<unsigned>(args[0]), args.integer(1));
}

}  // namespace u0::posix_events
