// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>

#include "builder_service/repositories/repository_settings.hh"
#include "builder_service/sandbox/bundle.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Bounds of a bundle of modules.
struct RepositoryLimits {
    std::uint64_t packed = 64ULL << 20;  ///< bytes of the bundle itself
    BundleLimits unpacked;
};

/// Bundles that were fetched, by digest. An entry is the bundle, its signature, and the folder it unpacks to:
/// it can be checked again, by another key too, when its source is long gone. Entries appear as a whole and
/// are never changed. Thread-safe; several processes may share the folder.
class BundleCache
{
public:
    BundleCache(std::filesystem::path folder, const RepositoryLimits& limits);

    /// The folder of module folders of a bundle that was fetched before. All of it is checked anew: digest,
    /// signature, and that the folder holds what was unpacked (else it is unpacked again). Errors: not_found
    /// (it is not here, or damaged), invalid (signature, key).
    Result<std::filesystem::path> open(const RepositorySettings& repository) const;

    /// Fetches the bundle, and its signature if there is a key. Nothing is unpacked before both are right.
    /// Errors: as download, unpack_bundle and check_signature; the text says what was wrong where.
    Result<std::filesystem::path> fetch(const RepositorySettings& repository,
                                        const std::stop_token& stop) const;

private:
    std::filesystem::path entry(const RepositorySettings& repository) const;
    Result<void> check(const RepositorySettings& repository, const std::string& bundle,
                       const std::string& signature) const;
    Result<std::filesystem::path> install(const RepositorySettings& repository, const std::string& bundle,
                                          const std::string& signature) const;

    const std::filesystem::path folder_;
    const RepositoryLimits limits_;
};

}  // namespace unikernel
