// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <span>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <utility>

#include "u0/list.hh"
#include "u0/thread.hh"

namespace u0
{

class File;

/// The application's memory of one read or write: one piece, or the pieces of an iovec array.
class Buffers
{
public:
    Buffers(void* data, std::size_t size) : single_{data, size}, pieces_(&single_), count_(1), left_(size) {}
    Buffers(const iovec* pieces, std::size_t count);
    Buffers(const Buffers&) = delete;
    Buffers& operator=(const Buffers&) = delete;

    /// Bytes not yet transferred.
    std::size_t size() const { return left_; }

    /// The next contiguous piece; empty when nothing is left.
    std::span<unsigned char> front();

    /// Counts the next `n` (<= front().size()) bytes as transferred.
    void advance(std::size_t n);

    /// Copies into the application's memory; returns the bytes that fitted.
    std::size_t fill(const void* from, std::size_t n);

    /// Copies out of the application's memory; returns the bytes there were.
    std::size_t take(void* to, std::size_t n);

private:
    iovec single_{};
    const iovec* pieces_;
    std::size_t count_;
    std::size_t left_;
    std::size_t offset_ = 0;  ///< in the first piece
};

/// Wants to hear when a file's readiness may have changed: a blocked thread, or an entry of an epoll set.
class Watcher
{
public:
    Watcher() = default;
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    /// `events`: EPOLL* bits that may have become true. Must not block.
    virtual void changed(std::uint32_t events) = 0;

    /// The file is closed for good; the watcher was taken off its list. Must not block.
    virtual void closed() {}

    Link<Watcher> link;
    const void* owner = nullptr;  ///< the epoll set it belongs to, to find it again

protected:
    ~Watcher() = default;
};

using Watchers = List<Watcher, &Watcher::link>;

/// What a file descriptor refers to ("open file description" of POSIX), shared by its duplicates. Lives on
/// the heap; counted references; errors are negative errno values as in the kernel's interface.
class File
{
public:
    File() = default;
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    /// Transfers at least one byte, or returns 0 at the end, or -errno. Blocks unless `nonblocking`.
    virtual long read(Buffers& to, bool nonblocking);
    virtual long write(Buffers& from, bool nonblocking);

    /// EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR as they hold now.
    virtual std::uint32_t ready() = 0;

    /// ioctl(2) beyond FIONBIO and FIOCLEX.
    virtual long control(unsigned long request, void* argument);

    /// st_mode of fstat(2): type and permissions.
    virtual mode_t mode() const { return S_IFIFO | 0600; }

    /// st_rdev of fstat(2).
    virtual dev_t device() const { return 0; }

    virtual long seek(long offset, int whence);

    /// pread(2), for files that have positions.
    virtual long read_at(Buffers& to, std::uint64_t offset);

    /// Bytes, for fstat(2).
    virtual std::uint64_t size() const { return 0; }

    /// What the file is, for modules that have to find their own again (a socket, an epoll set).
    enum class Kind { other, socket, epoll, timer };
    virtual Kind kind() const { return Kind::other; }

    void retain() { ++references_; }
    void release()
    {
        if (--references_ == 0)
            destroy();
    }

    void watch(Watcher& watcher) { watchers_.push_back(watcher); }
    void unwatch(Watcher& watcher) { watchers_.remove(watcher); }
    const Watchers& watchers() const { return watchers_; }

    /// Tells all watchers that `events` may have become true. To be called once for every arrival, since
    /// edge-triggered epoll reports arrivals.
    void notify(std::uint32_t events);

    /// Blocks until ready() has one of `events`, an error or a hang-up; false when the deadline came first.
    bool wait(std::uint32_t events, Nanoseconds deadline = never);

    int status = 0;  ///< O_NONBLOCK, O_APPEND and the access mode, as F_GETFL shows them
    bool nonblocking() const { return (status & O_NONBLOCK) != 0; }

    static void* operator new(std::size_t size) noexcept;
    static void operator delete(void* file, std::size_t size) noexcept;

protected:
    virtual ~File();

private:
    void destroy();

    int references_ = 0;
    Watchers watchers_;
};

/// A reference to a file that is held while a call uses it, so that a close meanwhile does no harm.
class FileRef
{
public:
    FileRef() = default;
    explicit FileRef(File* file) : file_(file)
    {
        if (file_)
            file_->retain();
    }
    FileRef(FileRef&& other) noexcept : file_(std::exchange(other.file_, nullptr)) {}
    FileRef& operator=(FileRef&& other) noexcept
    {
        std::swap(file_, other.file_);
        return *this;
    }
    ~FileRef()
    {
        if (file_)
            file_->release();
    }
    File* get() const { return file_; }
    File* operator->() const { return file_; }
    explicit operator bool() const { return file_ != nullptr; }

private:
    File* file_ = nullptr;
};

/// The table of file descriptors: look-up and the lowest free number in constant time.
namespace descriptors
{

/// The file behind `fd`; empty (answer EBADF) when it is not open.
FileRef get(int fd);

/// Gives `file` the lowest free number not below `from`: the number, or -EMFILE.
long add(FileRef file, bool close_on_exec, int from = 0);

/// Makes `fd` refer to `file`, closing what it was.
long replace(int fd, FileRef file, bool close_on_exec);

long close(int fd);

/// Descriptors are below this number.
int limit();

bool close_on_exec(int fd);
void set_close_on_exec(int fd, bool on);

}  // namespace descriptors
}  // namespace u0
