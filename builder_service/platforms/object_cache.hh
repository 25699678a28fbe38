// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "common/util/digest.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Relocatable objects, and precompiled headers, by the digest of all that determines them. Safe for several
/// processes at once: a file appears under its key only when it is complete. Only trusted code writes here;
/// the sandbox of a tenant's tools does not even see the folder, it is shown single objects read-only.
class ObjectCache
{
public:
    explicit ObjectCache(std::filesystem::path root) : root_(std::move(root)) {}

    /// An object cut short by a crash of the machine counts as absent.
    std::optional<std::filesystem::path> find(const Digest& key) const;
    /// Takes the bytes over. Errors: no_space, internal.
    Result<std::filesystem::path> store(const Digest& key, std::string_view object) const;

    /// A note kept beside the objects under a key of its own; nothing if there is none.
    std::optional<std::string> find_note(const Digest& key) const;
    Result<void> store_note(const Digest& key, std::string_view text) const;

    /// Nothing used more recently is evicted: a build that found it may still want it.
    static constexpr std::chrono::hours in_use{4};
    static constexpr std::uint64_t default_limit = 2ULL << 30;

    /// When there are more than `limit` bytes, removes what was not used for longest, down to three quarters
    /// of it. Returns the bytes that are left.
    std::uint64_t evict(std::uint64_t limit = default_limit) const;

    /// evict(), unless that was done within the last hour: looking at all files takes longer than a small
    /// build.
    void tidy() const;

private:
    std::filesystem::path place(const Digest& key, const char* suffix) const;
    Result<std::filesystem::path> write(std::filesystem::path path, std::string_view content) const;
    std::filesystem::path root_;
};

}  // namespace unikernel
