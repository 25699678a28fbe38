// SPDX-License-Identifier: Apache-2.0
//
// System calls that name files. There is no file system: a few names exist (named_files.cc), every other is
// absent, and nothing can be created, so that std::filesystem and stdio fail in their ordinary way.
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "u0/file.hh"
#include "u0/named_files.hh"
#include "u0/syscall.hh"

namespace u0::posix
{
namespace
{

long open_path(const char* name, int flags)
{
    std::string_view path(name);
    if (named_files::is_directory(path))
        return (flags & O_ACCMODE) == O_RDONLY ? -EACCES : -EISDIR;
    if (!named_files::exists(path))
        return (flags & O_CREAT) != 0 ? -EROFS : -ENOENT;
    FileRef file = named_files::open(path);
    if (!file)
        return -ENOMEM;
    if (S_ISREG(file->mode()) && (flags & O_ACCMODE) != O_RDONLY)
        return -EROFS;
    file->status = flags & (O_ACCMODE | O_NONBLOCK | O_APPEND);
    return descriptors::add(std::move(file), (flags & O_CLOEXEC) != 0);
}

void describe(struct stat& out, mode_t mode, std::uint64_t size, dev_t device = 0)
{
    out = {};
    out.st_mode = mode;
    out.st_size = static_cast<off_t>(size);
    out.st_nlink = 1;
    out.st_blksize = 4096;
    out.st_ino = 1;
    out.st_rdev = device;
}

long stat_path(const char* name, struct stat& out)
{
    std::string_view path(name);
    if (named_files::is_directory(path)) {
        describe(out, S_IFDIR | 0555, 0);
        return 0;
    }
    if (!named_files::exists(path))
        return -ENOENT;
    FileRef file = named_files::open(path);
    if (!file)
        return -ENOMEM;
    describe(out, file->mode(), file->size(), file->device());
    return 0;
}

long stat_descriptor(int fd, struct stat& out)
{
    FileRef file = descriptors::get(fd);
    if (!file)
        return -EBADF;
    describe(out, file->mode(), file->size(), file->device());
    return 0;
}

}  // namespace

long sys_open(const SyscallArgs& args)
{
    return open_path(args.pointer<const char>(0), args.integer(1));
}
long sys_openat(const SyscallArgs& args)
{
    return open_path(args.pointer<const char>(1), args.integer(2));
}

long sys_stat(const SyscallArgs& args)
{
    return stat_path(args.pointer<const char>(0), *args.pointer<struct stat>(1));
}

long sys_fstat(const SyscallArgs& args)
{
    return stat_descriptor(args.integer(0), *args.pointer<struct stat>(1));
}

long sys_newfstatat(const SyscallArgs& args)
{
    const char* name = args.pointer<const char>(1);
    if (*name == '\0' && (args.integer(3) & AT_EMPTY_PATH) != 0)
        return stat_descriptor(args.integer(0), *args.pointer<struct stat>(2));
    return stat_path(name, *args.pointer<struct stat>(2));
}

long sys_access(const SyscallArgs& args)
{
    struct stat ignored;
    return stat_path(args.pointer<const char>(0), ignored);
}

long sys_faccessat(const SyscallArgs& args)
{
    struct stat ignored;
    return stat_path(args.pointer<const char>(1), ignored);
}

/// readlink and readlinkat: nothing is a symbolic link.
long sys_readlink(const SyscallArgs& args)
{
    struct stat ignored;
    bool at = args.number == SYS_readlinkat;
    long found = stat_path(args.pointer<const char>(at ? 1 : 0), ignored);
    return found == 0 ? -EINVAL : found;
}

long sys_getcwd(const SyscallArgs& args)
{
    if (args[1] < 2)
        return -ERANGE;
    std::memcpy(args.pointer<char>(0), "/", 2);
    return 2;  // with the terminating zero, as the kernel counts
}

long sys_chdir(const SyscallArgs& args)
{
    std::string_view path(args.pointer<const char>(0));
    return path == "/" ? 0 : named_files::is_directory(path) ? -EACCES : -ENOENT;
}

/// mkdir, unlink, rename and whatever else would change a file system.
long sys_read_only(const SyscallArgs&)
{
    return -EROFS;
}

long sys_umask(const SyscallArgs&)
{
    return 022;
}

}  // namespace u0::posix
