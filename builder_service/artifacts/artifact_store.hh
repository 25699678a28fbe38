// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder_service/artifacts/incoming_file.hh"
#include "builder_service/pipeline/pipeline.hh"
#include "common/util/file.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// What the store knows of an image without reading its bytes.
struct StoredImage {
    std::string digest;  ///< "sha256:<hex>"
    std::uint64_t bytes = 0;
    std::string created;         ///< RFC 3339
    std::string build;           ///< id of the build it came from
    nlohmann::json description;  ///< the image's own note
    std::filesystem::path file;
    bool imported_now = false;  ///< in import_image's answer: it was not here before
};

/// Source bundles and images by digest, in one folder of one file system:
/// `bundles/<hex>`, `images/<hex>`, `images/<hex>.json` (written last: an image without it
/// does not exist), `incoming/` (swept when the store is opened). Thread-safe. One process
/// at a time owns the folder.
class ArtifactStore
{
public:
    using Inspect = std::function<Result<ImageFacts>(const std::filesystem::path&)>;

    /// `reserve`: bytes of the file system which are left free. `inspect` verifies an image
    /// before it is taken in. Errors: conflict (another process owns it), no_space, internal.
    static Result<std::unique_ptr<ArtifactStore>> open(const std::filesystem::path& folder,
                                                       std::uint64_t reserve, Inspect inspect);

    /// Begins to receive a bundle. Errors: no_space.
    Result<IncomingFile> receive() const;
    /// Takes it in; the same bytes again are no error. Answers its digest.
    Result<std::string> keep_bundle(IncomingFile file);
    /// Errors: invalid (not a digest), not_found.
    Result<std::filesystem::path> bundle(std::string_view digest) const;
    bool has_bundle(std::string_view digest) const;
    /// Removes bundles last used before `age` ago, except those `in_use` holds. Answers how many.
    std::size_t prune_bundles(std::chrono::hours age, const std::vector<std::string>& in_use);

    /// Verifies the file and moves it in. Errors: invalid (names the check), no_space, internal.
    Result<StoredImage> import_image(const std::filesystem::path& file, const std::string& build);
    /// Checks size and magic number. Errors: invalid, not_found, internal (damaged).
    Result<StoredImage> image(std::string_view digest) const;
    /// In byte order; not checked.
    std::vector<std::string> image_digests() const;
    /// In byte order of the digests; damaged ones are left out.
    std::vector<StoredImage> images() const;
    Result<void> remove_image(std::string_view digest);

    /// Errors: no_space, when less than the reserve is free; says what to free.
    Result<void> check_space() const;
    const std::filesystem::path& folder() const { return folder_; }

private:
    ArtifactStore(std::filesystem::path folder, std::uint64_t reserve, Inspect inspect, FileDescriptor lock);
    Result<void> sweep() const;
    Result<void> move_in(const std::filesystem::path& file, const std::filesystem::path& target) const;
    Failure with_advice(Failure failure) const;

    std::filesystem::path folder_;
    std::uint64_t reserve_;
    Inspect inspect_;
    FileDescriptor lock_;
    mutable std::mutex images_mutex_;  ///< bytes and metadata change together
};

/// The hex part of "sha256:<64 lower-case hex digits>". Errors: invalid.
Result<std::string> digest_hex(std::string_view digest);

}  // namespace unikernel
