// SPDX-License-Identifier: Apache-2.0
//
// poll(2) and select(2): each call watches its files for as long as it blocks.
#include <cstring>
#include <new>
#include <poll.h>
#include <span>
#include <sys/select.h>

#include "u0/clock.hh"
#include "u0/file.hh"
#include "u0/memory.hh"
#include "u0/posix_time.hh"
#include "u0/syscall.hh"

namespace u0::posix_events
{
namespace
{

constexpr std::uint32_t always = EPOLLERR | EPOLLHUP;

/// One file that a blocked thread waits for. poll's event bits are epoll's.
class Watch final : public Watcher
{
public:
    Watch(FileRef file, std::uint32_t events)
        : file_(std::move(file)), events_(events | always), thread_(scheduler::current())
    {
        file_->watch(*this);
    }
    ~Watch() { file_->unwatch(*this); }
    void changed(std::uint32_t events) override
    {
        if ((events & events_) != 0)
            scheduler::wake(thread_);
    }

private:
    FileRef file_;
    std::uint32_t events_;
    Thread& thread_;
};

/// All files of one call, watched from construction to destruction.
class Watches
{
public:
    explicit Watches(std::span<pollfd> files)
        : memory_(static_cast<Watch*>(kalloc(files.size() * sizeof(Watch) + 1)))
    {
        if (!memory_)
            return;
        for (const pollfd& entry : files)
            if (FileRef file = descriptors::get(entry.fd))
                new (&memory_[count_++]) Watch(std::move(file), static_cast<std::uint16_t>(entry.events));
    }
    Watches(const Watches&) = delete;
    Watches& operator=(const Watches&) = delete;
    ~Watches()
    {
        while (count_ > 0)
            memory_[--count_].~Watch();
        kfree(memory_);
    }
    bool failed() const { return !memory_; }

private:
    Watch* memory_;
    std::size_t count_ = 0;
};

std::uint32_t ready(File& file)
{
    std::uint32_t events = file.ready();
    return events | ((events & EPOLLIN) != 0 ? POLLRDNORM : 0U) |
           ((events & EPOLLOUT) != 0 ? POLLWRNORM : 0U);
}

long look(std::span<pollfd> files)
{
    long count = 0;
    for (pollfd& entry : files) {
        entry.revents = 0;
        if (entry.fd < 0)
            continue;
        FileRef file = descriptors::get(entry.fd);
        std::uint32_t events = file ? ready(*file.get()) & (static_cast<std::uint16_t>(entry.events) | always)
                                    : static_cast<std::uint32_t>(POLLNVAL);
        entry.revents = static_cast<short>(events);
        count += events != 0;
    }
    return count;
}

long wait(std::span<pollfd> files, Nanoseconds deadline)
{
    poll();  // a program whose files are always ready gets its packets too
    long count = look(files);
    if (count > 0 || deadline == 0)
        return count;
    Watches watches(files);
    if (watches.failed())
        return -ENOMEM;
    for (;;) {
        bool woken = scheduler::block(deadline);
        count = look(files);
        if (count > 0 || !woken)
            return count;
    }
}

Nanoseconds deadline_of(const timespec* timeout)
{
    if (!timeout)
        return never;
    Nanoseconds span = to_ns(*timeout);
    return span == 0 ? 0 : after(span);
}

long poll_files(const SyscallArgs& args, Nanoseconds deadline)
{
    if (args[1] > static_cast<std::uint64_t>(descriptors::limit()))
        return -EINVAL;
    return wait({args.pointer<pollfd>(0), args[1]}, deadline);
}

// What makes a descriptor readable, writable or exceptional for select (Linux: fs/select.c).
constexpr short select_in = POLLIN | POLLRDNORM | POLLHUP | POLLERR;
constexpr short select_out = POLLOUT | POLLWRNORM | POLLERR;
constexpr short select_exception = POLLPRI;

/// Memory for the pollfds of one select.
struct SelectFiles {
    pollfd* entries;
    std::size_t count = 0;

    explicit SelectFiles(int limit)
        : entries(static_cast<pollfd*>(kalloc(static_cast<std::size_t>(limit) * sizeof(pollfd) + 1)))
    {
    }
    SelectFiles(const SelectFiles&) = delete;
    SelectFiles& operator=(const SelectFiles&) = delete;
    ~SelectFiles() { kfree(entries); }
};

/// Sets of more than FD_SETSIZE descriptors are only as long as the caller says: bits, not fd_set.
bool has(const std::uint64_t* set, int fd)
{
    return set && (set[fd / 64] >> fd % 64 & 1) != 0;
}

void keep(std::uint64_t* set, int fd, bool on)
{
    if (set && !on)
        set[fd / 64] &= ~(std::uint64_t{1} << fd % 64);
}

long select_files(const SyscallArgs& args, Nanoseconds deadline)
{
    int limit = args.integer(0);
    auto *in = args.pointer<std::uint64_t>(1), *out = args.pointer<std::uint64_t>(2),
         *exceptional = args.pointer<std::uint64_t>(3);
    if (limit < 0)
        return -EINVAL;
    limit = limit < descriptors::limit() ? limit : descriptors::limit();
    SelectFiles files(limit);
    if (!files.entries)
        return -ENOMEM;
    for (int fd = 0; fd < limit; ++fd) {
        int events = (has(in, fd) ? select_in : 0) | (has(out, fd) ? select_out : 0) |
                     (has(exceptional, fd) ? select_exception : 0);
        if (events == 0)
            continue;
        if (!descriptors::get(fd))
            return -EBADF;
        files.entries[files.count++] = {.fd = fd, .events = static_cast<short>(events), .revents = 0};
    }
    long result = wait({files.entries, files.count}, deadline);
    if (result < 0)
        return result;
    long bits = 0;
    for (std::size_t i = 0; i < files.count; ++i) {
        const pollfd& entry = files.entries[i];
        const struct {
            std::uint64_t* set;
            short events;
        } sets[] = {{in, select_in}, {out, select_out}, {exceptional, select_exception}};
        for (const auto& [set, events] : sets) {
            bool on = has(set, entry.fd) && (entry.revents & events) != 0;
            keep(set, entry.fd, on);
            bits += on;
        }
    }
    return bits;
}

}  // namespace

long sys_poll(const SyscallArgs& args)
{
    int milliseconds = args.integer(2);
    if (milliseconds <= 0)
        return poll_files(args, milliseconds < 0 ? never : 0);
    return poll_files(args, after(static_cast<Nanoseconds>(milliseconds) * 1'000'000));
}

long sys_ppoll(const SyscallArgs& args)
{
    const timespec* timeout = args.pointer<const timespec>(2);
    return timeout && !valid(*timeout) ? -EINVAL : poll_files(args, deadline_of(timeout));
}

long sys_pselect6(const SyscallArgs& args)
{
    const timespec* timeout = args.pointer<const timespec>(4);
    return timeout && !valid(*timeout) ? -EINVAL : select_files(args, deadline_of(timeout));
}

long sys_select(const SyscallArgs& args)
{
    const timeval* timeout = args.pointer<const timeval>(4);
    if (!timeout)
        return select_files(args, never);
    timespec span{timeout->tv_sec, timeout->tv_usec * 1000};
    return valid(span) ? select_files(args, deadline_of(&span)) : -EINVAL;
}

}  // namespace u0::posix_events
