// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "common/util/result.hh"

namespace unikernel
{

/// Owns a file descriptor.
class FileDescriptor
{
public:
    explicit FileDescriptor(int fd = -1) : fd_(fd) {}
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept
    {
        std::swap(fd_, other.fd_);
        return *this;
    }
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() { reset(); }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    void reset();

private:
    int fd_;
};

/// The whole of a regular file, not following a link at its end. Its size is checked before a byte
/// is read. Errors: not_found, invalid (not a regular file), too_large (names the limit), internal.
Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t limit);

/// Writes beside the target, fsyncs, renames, fsyncs the folder: readers see the old file or the
/// new one, also after a power cut. Errors: no_space, internal.
Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view content,
                                   unsigned mode = 0644);

/// As above without the fsyncs: atomic for readers, but may be lost in a power cut. For caches and
/// work folders.
Result<void> write_file(const std::filesystem::path& path, std::string_view content, unsigned mode = 0644);

/// `what` plus the text of `error_number`; disk-full errors become FailureKind::no_space.
Failure system_failure(const std::string& what, int error_number);

}  // namespace unikernel
