// SPDX-License-Identifier: Apache-2.0
//
// System calls on file descriptors that every kind of file shares.
#include <climits>
#include <fcntl.h>
#include <linux/sockios.h>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

#include "u0/file.hh"
#include "u0/named_files.hh"
#include "u0/syscall.hh"

namespace u0::posix
{
namespace
{

constexpr std::size_t max_transfer = 0x7ffff000;  // Linux: MAX_RW_COUNT

bool too_many(std::uint64_t pieces)
{
    return pieces > IOV_MAX;
}

}  // namespace

long sys_read(const SyscallArgs& args)
{
    FileRef file = descriptors::get(args.integer(0));
    if (!file)
        return -EBADF;
    Buffers to(args.pointer<void>(1), args[2] < max_transfer ? args[2] : max_transfer);
    return file->read(to, file->nonblocking());
}

long sys_write(const SyscallArgs& args)
{
    FileRef file = descriptors::get(args.integer(0));
    if (!file)
        return -EBADF;
    Buffers from(args.pointer<void>(1), args[2] < max_transfer ? args[2] : max_transfer);
    return file->write(from, file->nonblocking());
}

long sys_readv(const SyscallArgs& args)
{
    FileRef file = descriptors::get(args.integer(0));
    if (!file)
        return -EBADF;
    if (too_many(args[2]))
        return -EINVAL;
    Buffers to(args.pointer<const iovec>(1), args[2]);
    return file->read(to, file->nonblocking());
}

long sys_writev(const SyscallArgs& args)
{
    FileRef file = descriptors::get(args.integer(0));
    if (!file)
        return -EBADF;
    if (too_many(args[2]))
        return -EINVAL;
    Buffers from(args.pointer<const iovec>(1), args[2]);
    return file->write(from, file->nonblocking());
}

long sys_pread64(const SyscallArgs& args)
{
    FileRef file = descriptors::get(args.integer(0));
    if (!file)
        return -EBADF;
    Buffers to(args.pointer<void>(1), args[2]);
    return file->read_at(to, args[3]);
}

long sys_lseek(const SyscallArgs& args)
{
    FileRef file = descriptors::get(args.integer(0));
    return file ? file->seek(static_cast<long>(args[1]), args.integer(2)) : -EBADF;
}

long sys_close(const SyscallArgs& args)
{
    return descriptors::close(args.integer(0));
}

long sys_close_range(const SyscallArgs& args)
{
    constexpr std::uint64_t close_on_exec_flag = 4;
    auto first = static_cast<unsigned>(args[0]), last = static_cast<unsigned>(args[1]);
    if (first > last || (args[2] & ~std::uint64_t{6}) != 0)
        return -EINVAL;
    for (unsigned fd = first; fd <= last && fd < static_cast<unsigned>(descriptors::limit()); ++fd) {
        if ((args[2] & close_on_exec_flag) == 0)
            descriptors::close(static_cast<int>(fd));
        else
            descriptors::set_close_on_exec(static_cast<int>(fd), true);
    }
    return 0;
}

long sys_dup(const SyscallArgs& args)
{
    FileRef file = descriptors::get(args.integer(0));
    return file ? descriptors::add(std::move(file), false) : -EBADF;
}

long sys_dup2(const SyscallArgs& args)
{
    FileRef file = descriptors::get(args.integer(0));
    if (!file)
        return -EBADF;
    if (args.integer(0) == args.integer(1))
        return args.integer(1);
    return descriptors::replace(args.integer(1), std::move(file), false);
}

long sys_dup3(const SyscallArgs& args)
{
    if (args.integer(0) == args.integer(1) || (args.integer(2) & ~O_CLOEXEC) != 0)
        return -EINVAL;
    FileRef file = descriptors::get(args.integer(0));
    if (!file)
        return -EBADF;
    return descriptors::replace(args.integer(1), std::move(file), (args.integer(2) & O_CLOEXEC) != 0);
}

long sys_fcntl(const SyscallArgs& args)
{
    int fd = args.integer(0);
    FileRef file = descriptors::get(fd);
    if (!file)
        return -EBADF;
    constexpr int changeable = O_NONBLOCK | O_APPEND;
    switch (args.integer(1)) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return descriptors::add(std::move(file), args.integer(1) == F_DUPFD_CLOEXEC, args.integer(2));
    case F_GETFD:
        return descriptors::close_on_exec(fd) ? FD_CLOEXEC : 0;
    case F_SETFD:
        descriptors::set_close_on_exec(fd, (args[2] & FD_CLOEXEC) != 0);
        return 0;
    case F_GETFL:
        return file->status;
    case F_SETFL:
        file->status = (file->status & ~changeable) | (args.integer(2) & changeable);
        return 0;
    default:
        return -EINVAL;
    }
}

long sys_ioctl(const SyscallArgs& args)
{
    int fd = args.integer(0);
    FileRef file = descriptors::get(fd);
    if (!file)
        return -EBADF;
    switch (args[1]) {
    case FIONBIO:
        file->status = *args.pointer<int>(2) != 0 ? file->status | O_NONBLOCK : file->status & ~O_NONBLOCK;
        return 0;
    case FIOCLEX:
    case FIONCLEX:
        descriptors::set_close_on_exec(fd, args[1] == FIOCLEX);
        return 0;
    default:
        return file->control(args[1], args.pointer<void>(2));
    }
}

/// Point `boot.start`: the three standard descriptors.
void open_standard_files()
{
    FileRef console = named_files::open("/dev/tty");
    console->status = O_RDWR;
    for (int fd = 0; fd < 3; ++fd)
        descriptors::replace(fd, FileRef(console.get()), false);
}

}  // namespace u0::posix
