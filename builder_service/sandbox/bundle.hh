// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "common/util/result.hh"

namespace unikernel
{

/// Bounds of a source bundle from outside.
struct BundleLimits {
    std::uint64_t bytes = 64ULL << 20;  ///< unpacked
    std::uint32_t entries = 10'000;     ///< files and folders, those included that no entry names
    std::uint32_t ratio = 100;          ///< unpacked : packed; the first MiB is free
};

/// Unpacks a tar archive (plain, gzip or zstd) into `folder`, which exists and is empty. Only regular
/// files and folders, each once, at plain relative paths; everything else is refused by name: absolute
/// paths, "..", paths of more than 64 names, precompiled headers (*.gch), links of either kind, devices,
/// FIFOs, set-user-ID bits, names that are not UTF-8. Owners, times and modes are not taken over. What was
/// unpacked before a refusal stays in `folder`, which the caller discards. Errors: invalid, too_large,
/// not_found, no_space, cancelled.
Result<void> unpack_bundle(const std::filesystem::path& archive, const std::filesystem::path& folder,
                           const BundleLimits& limits = {}, const std::stop_token& stop = {});

/// The content of the file `name`, a plain path below the archive's root, without unpacking anything; nothing
/// if the archive holds no such file. What comes before it is read under the same rules as by unpack_bundle;
/// what comes after it is not read. `file_limit`: bytes of that file. Errors: as unpack_bundle.
Result<std::optional<std::string>> read_from_bundle(const std::filesystem::path& archive,
                                                    const std::string& name, std::uint64_t file_limit,
                                                    const BundleLimits& limits = {});

/// A folder as a tar archive (pax, restricted to ustar where it fits) that depends on names and contents
/// alone: byte order of paths, time 0, owner 0, mode 644. Names that begin with a dot, and images (*.img),
/// are left out. common/python/unikernelclient/bundle.py makes the same bytes. Errors: not_found, invalid
/// (links and other kinds), too_large.
Result<std::string> pack_bundle(const std::filesystem::path& folder, const BundleLimits& limits = {});

/// gzip (RFC 1952) that depends on the bytes alone: without a name or a time. Errors: internal.
Result<std::string> compressed(std::string_view tar);

}  // namespace unikernel
