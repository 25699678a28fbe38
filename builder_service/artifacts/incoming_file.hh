// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "common/util/digest.hh"
#include "common/util/file.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// A file on its way into the store, hashed as it is written, and removed unless it was kept.
/// One thread at a time.
class IncomingFile
{
public:
    static Result<IncomingFile> create(const std::filesystem::path& folder);
    IncomingFile(IncomingFile&& other) noexcept;
    IncomingFile& operator=(IncomingFile&&) = delete;
    IncomingFile(const IncomingFile&) = delete;
    IncomingFile& operator=(const IncomingFile&) = delete;
    ~IncomingFile();

    /// Errors: no_space, internal.
    Result<void> write(std::span<const std::byte> bytes);
    std::uint64_t bytes() const { return bytes_; }
    const std::filesystem::path& path() const { return path_; }

    /// fsync, and the digest of all that was written. Call once, then keep() or nothing.
    Result<Digest> finish();
    /// Renames it to `target`, on the same file system, and makes the name durable.
    Result<void> keep(const std::filesystem::path& target);

private:
    IncomingFile(std::filesystem::path path, FileDescriptor file);
    std::filesystem::path path_;  ///< empty once kept
    FileDescriptor file_;
    Sha256 sha_;
    std::uint64_t bytes_ = 0;
};

/// fsyncs a file or folder by name. Errors: no_space, internal.
Result<void> sync_path(const std::filesystem::path& path);

}  // namespace unikernel
