// SPDX-License-Identifier: Apache-2.0
#include "common/util/file.hh"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace unikernel
{

void FileDescriptor::reset()
{
    if (fd_ >= 0) {
        close(fd_);
        fd_ = -1;
    }
}

Failure system_failure(const std::string& what, int error_number)
{
    const bool full = error_number == ENOSPC || error_number == EDQUOT;
    return {full ? FailureKind::no_space : FailureKind::internal,
            what + ": " + std::generic_category().message(error_number)};
}

Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t limit)
{
    // O_NONBLOCK: opening a FIFO must not hang; it is refused below.
    const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file) {
        const int code = errno;
        if (code == ELOOP) {
            return fail(FailureKind::invalid, path.string() + ": is a symbolic link, not a regular file");
        }
        return fail(code == ENOENT ? FailureKind::not_found : FailureKind::internal,
                    path.string() + ": " + std::generic_category().message(code));
    }
    struct stat facts {
    };
    if (fstat(file.get(), &facts) != 0) {
        return tl::unexpected(system_failure(path.string(), errno));
    }
    if (!S_ISREG(facts.st_mode)) {
        return fail(FailureKind::invalid, path.string() + ": not a regular file");
    }
    const auto size = static_cast<std::uint64_t>(facts.st_size);
    if (size > limit) {
        return fail(FailureKind::too_large, path.string() + ": " + std::to_string(size) +
                                                " bytes are over the limit of " + std::to_string(limit));
    }
    std::string content(size, '\0');
    std::size_t filled = 0;
    while (filled < content.size()) {
        const ssize_t got = read(file.get(), content.data() + filled, content.size() - filled);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return tl::unexpected(system_failure(path.string(), errno));
        }
        if (got == 0) {
            break;  // shrank meanwhile
        }
        filled += static_cast<std::size_t>(got);
    }
    content.resize(filled);
    return content;
}

namespace
{

Result<void> write_all(int file, std::string_view content, const std::string& name)
{
    while (!content.empty()) {
        const ssize_t written = write(file, content.data(), content.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return tl::unexpected(system_failure(name, errno));
        }
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<void> replace(const std::filesystem::path& path, std::string_view content, unsigned mode, bool durable)
{
    std::string name = path.string() + ".XXXXXX";
    FileDescriptor file(mkostemp(name.data(), O_CLOEXEC));
    if (!file) {
        return tl::unexpected(system_failure(path.string(), errno));
    }
    Result<void> result = write_all(file.get(), content, path.string());
    if (result && (fchmod(file.get(), mode) != 0 || (durable && fsync(file.get()) != 0))) {
        result = tl::unexpected(system_failure(path.string(), errno));
    }
    if (result && rename(name.c_str(), path.c_str()) != 0) {
        result = tl::unexpected(system_failure(path.string(), errno));
    }
    if (!result) {
        unlink(name.c_str());
        return result;
    }
    if (durable) {
        const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
        const FileDescriptor folder(open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!folder || fsync(folder.get()) != 0) {
            return tl::unexpected(system_failure(parent.string(), errno));
        }
    }
    return {};
}

}  // namespace

Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view content, unsigned mode)
{
    return replace(path, content, mode, true);
}

Result<void> write_file(const std::filesystem::path& path, std::string_view content, unsigned mode)
{
    return replace(path, content, mode, false);
}

}  // namespace unikernel
