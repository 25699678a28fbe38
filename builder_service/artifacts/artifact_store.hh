// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
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
/// at a time owns the folder, or several share it, on a file system that all of them have.
class ArtifactStore
{
public:
    using Inspect = std::function<Result<ImageFacts>(const std::filesystem::path&)>;
    enum class Use { alone, shared };

    /// `reserve`: bytes of the file system which are left free. `inspect` verifies an image
    /// before it is taken in. Errors: conflict (another process owns it), no_space, internal.
    static Result<std::unique_ptr<ArtifactStore>>
    open(const std::filesystem::path& folder, std::uint64_t reserve, Inspect inspect, Use use = Use::alone);

    /// While it lives, no other thread or process changes what belongs together in the store and elsewhere.
    class Turn
    {
    public:
        explicit Turn(const ArtifactStore& store);
        ~Turn();
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

    private:
        const std::scoped_lock<std::mutex> lock_;
        const int file_;
    };

    /// Begins to receive a bundle. Errors: no_space.
    Result<IncomingFile> receive() const;
    /// Takes it in; the same bytes again are no error. Answers its digest.
    Result<std::string> keep_bundle(IncomingFile file);
    /// Errors: invalid (not a digest), not_found.
    Result<std::filesystem::path> bundle(std::string_view digest) const;
    bool has_bundle(std::string_view digest) const;
    struct BundleFacts {
        std::uint64_t bytes = 0;
        std::filesystem::file_time_type used;  ///< last
    };
    /// Nothing: it is not here.
    std::optional<BundleFacts> bundle_facts(std::string_view digest) const;
    void remove_bundle(std::string_view digest);
    /// Removes bundles last used before `age` ago, except those `in_use` holds. Answers how many.
    std::size_t prune_bundles(std::chrono::hours age, const std::vector<std::string>& in_use);

    /// Errors: invalid (names the check), internal.
    Result<ImageFacts> verify(const std::filesystem::path& file) const { return inspect_(file); }
    /// Moves in a file of which `facts` was verified. Errors: no_space, internal.
    Result<StoredImage> import_image(const std::filesystem::path& file, const ImageFacts& facts,
                                     const std::string& build);
    /// Verifies the file and moves it in. Errors: those of both.
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
    ArtifactStore(std::filesystem::path folder, std::uint64_t reserve, Inspect inspect, FileDescriptor lock,
                  FileDescriptor changes);
    Result<void> sweep(std::chrono::hours age) const;
    Result<void> move_in(const std::filesystem::path& file, const std::filesystem::path& target) const;
    Failure with_advice(Failure failure) const;

    std::filesystem::path folder_;
    std::uint64_t reserve_;
    Inspect inspect_;
    FileDescriptor lock_;     ///< of the folder, by its process
    FileDescriptor changes_;  ///< of a Turn
    mutable std::mutex turns_mutex_;
    mutable std::mutex images_mutex_;  ///< bytes and metadata change together
};

/// Makes the process the folder's owner while the descriptor lives. Errors: conflict (another one is),
/// internal.
Result<FileDescriptor> lock_folder(const std::filesystem::path& folder);

/// The hex part of "sha256:<64 lower-case hex digits>". Errors: invalid.
Result<std::string> digest_hex(std::string_view digest);

}  // namespace unikernel
