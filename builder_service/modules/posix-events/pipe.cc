// SPDX-License-Identifier: Apache-2.0
//
// pipe(2) between the threads of the one process.
#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <new>
#include <sys/ioctl.h>

#include "u0/file.hh"
#include "u0/memory.hh"
#include "u0/syscall.hh"

namespace u0::posix_events
{
namespace
{

class PipeEnd;

/// The bytes in between: a ring, allocated when something is written. Shared by both ends.
struct Channel {
    static constexpr std::size_t capacity = 65536;  // as on Linux: programs rely on it
    unsigned char* bytes = nullptr;
    std::size_t start = 0;
    std::size_t used = 0;
    PipeEnd* reader = nullptr;  ///< null once closed
    PipeEnd* writer = nullptr;
};

class PipeEnd final : public File
{
public:
    PipeEnd(Channel& channel, bool reads) : channel_(channel), reads_(reads) {}

    long read(Buffers& to, bool nonblocking) override;
    long write(Buffers& from, bool nonblocking) override;
    std::uint32_t ready() override;
    long control(unsigned long request, void* argument) override;

protected:
    ~PipeEnd() override;

private:
    long write_some(Buffers& from);

    Channel& channel_;
    bool reads_;
};

PipeEnd::~PipeEnd()
{
    (reads_ ? channel_.reader : channel_.writer) = nullptr;
    PipeEnd* other = reads_ ? channel_.writer : channel_.reader;
    if (other) {
        other->notify(EPOLLHUP | EPOLLERR | EPOLLIN | EPOLLOUT);
        return;
    }
    kfree(channel_.bytes);
    kfree(&channel_);
}

std::uint32_t PipeEnd::ready()
{
    if (reads_)
        return (channel_.used > 0 ? EPOLLIN : 0U) | (channel_.writer ? 0U : EPOLLHUP);
    return (Channel::capacity - channel_.used >= PIPE_BUF ? EPOLLOUT : 0U) |
           (channel_.reader ? 0U : EPOLLERR);
}

long PipeEnd::control(unsigned long request, void* argument)
{
    if (request != FIONREAD)
        return -ENOTTY;
    *static_cast<int*>(argument) = static_cast<int>(channel_.used);
    return 0;
}

long PipeEnd::read(Buffers& to, bool nonblocking)
{
    if (!reads_)
        return -EBADF;
    if (to.size() == 0)
        return 0;
    while (channel_.used == 0) {
        if (!channel_.writer)
            return 0;
        if (nonblocking)
            return -EAGAIN;
        wait(EPOLLIN);
    }
    std::size_t done = 0;
    while (channel_.used > 0 && to.size() > 0) {
        std::size_t piece = std::min(channel_.used, Channel::capacity - channel_.start);
        std::size_t n = to.fill(channel_.bytes + channel_.start, piece);
        channel_.start = (channel_.start + n) % Channel::capacity;
        channel_.used -= n;
        done += n;
    }
    if (channel_.writer)
        channel_.writer->notify(EPOLLOUT);
    return static_cast<long>(done);
}

long PipeEnd::write_some(Buffers& from)
{
    std::size_t done = 0;
    while (channel_.used < Channel::capacity && from.size() > 0) {
        std::size_t end = (channel_.start + channel_.used) % Channel::capacity;
        std::size_t piece = std::min(Channel::capacity - channel_.used, Channel::capacity - end);
        std::size_t n = from.take(channel_.bytes + end, piece);
        channel_.used += n;
        done += n;
    }
    if (done > 0 && channel_.reader)
        channel_.reader->notify(EPOLLIN);
    return static_cast<long>(done);
}

/// Up to PIPE_BUF bytes are written at once or not at all; more may be mixed with those of other writers.
long PipeEnd::write(Buffers& from, bool nonblocking)
{
    if (reads_)
        return -EBADF;
    if (!channel_.bytes) {
        channel_.bytes = static_cast<unsigned char*>(kalloc(Channel::capacity));
        if (!channel_.bytes)
            return -ENOMEM;
    }
    std::size_t at_once = from.size() <= PIPE_BUF ? from.size() : 1;
    long done = 0;
    while (from.size() > 0) {
        if (!channel_.reader)
            return done > 0 ? done : -EPIPE;
        if (Channel::capacity - channel_.used >= at_once) {
            done += write_some(from);
            continue;
        }
        if (nonblocking)
            return done > 0 ? done : -EAGAIN;
        wait(EPOLLOUT);
    }
    return done;
}

long create(int (&fds)[2], int flags)
{
    if ((flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) != 0)
        return -EINVAL;
    void* block = kalloc(sizeof(Channel));
    if (!block)
        return -ENOMEM;
    Channel& channel = *new (block) Channel;
    FileRef reader(channel.reader = new PipeEnd(channel, true));
    FileRef writer(channel.writer = new PipeEnd(channel, false));
    if (!reader || !writer) {
        if (!reader && !writer)
            kfree(&channel);
        return -ENOMEM;
    }
    reader->status = O_RDONLY | (flags & O_NONBLOCK);
    writer->status = O_WRONLY | (flags & O_NONBLOCK);
    bool close_on_exec = (flags & O_CLOEXEC) != 0;
    long first = descriptors::add(std::move(reader), close_on_exec);
    if (first < 0)
        return first;
    long second = descriptors::add(std::move(writer), close_on_exec);
    if (second < 0) {
        descriptors::close(static_cast<int>(first));
        return second;
    }
    fds[0] = static_cast<int>(first);
    fds[1] = static_cast<int>(second);
    return 0;
}

}  // namespace

long sys_pipe(const SyscallArgs& args)
{
    return create(*args.pointer<int[2]>(0), 0);
}
long sys_pipe2(const SyscallArgs& args)
{
    return create(*args.pointer<int[2]>(0), args.integer(1));
}

}  // namespace u0::posix_events
