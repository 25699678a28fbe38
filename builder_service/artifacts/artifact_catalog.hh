// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "builder_service/artifacts/artifact_store.hh"
#include "builder_service/artifacts/owner_repository.hh"
#include "builder_service/database/scope.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// The store as projects see it: the same bytes may belong to several, are stored once, and go when
/// the last owner is gone. What is stored without any owner (by the command line, or before there
/// were projects) belongs to project "". Thread-safe.
class ArtifactCatalog
{
public:
    /// Both outlive it.
    ArtifactCatalog(ArtifactStore& store, OwnerRepository& owners) : store_(store), owners_(owners) {}
    ArtifactCatalog(const ArtifactCatalog&) = delete;
    ArtifactCatalog& operator=(const ArtifactCatalog&) = delete;

    /// Begins to receive a bundle or an image. Errors: no_space.
    Result<IncomingFile> receive() const { return store_.receive(); }
    /// Errors: no_space, when less than the reserve is free; says what to free.
    Result<void> check_space() const { return store_.check_space(); }
    const std::filesystem::path& folder() const { return store_.folder(); }

    /// How much of the bundles of one project may be such that nothing needs them.
    struct BundleLimit {
        std::uint64_t bytes = 0;
        /// The digests that somebody needs.
        std::function<Result<std::vector<std::string>>()> needed;
    };
    /// Without it there is no limit. Call before it is used.
    void limit_bundles(BundleLimit limit) { bundle_limit_ = std::move(limit); }
    /// Takes a bundle in; the same bytes again are no error. Answers its digest. Where the project would have
    /// too much, those go first that were not used for longest, for an hour at least. Errors: no_space;
    /// too_large (that does not suffice).
    Result<std::string> keep_bundle(IncomingFile file, const std::string& project);
    /// Errors: invalid (not a digest), not_found.
    Result<std::filesystem::path> bundle(std::string_view digest, const Scope& scope);
    /// Removes bundles last used before `age` ago, except those `in_use` holds.
    void prune_bundles(std::chrono::hours age, const std::vector<std::string>& in_use);

    struct Imported {
        StoredImage image;
        bool created = true;  ///< false: the project had it before
    };
    /// Verifies the file and moves it in. `build`: of that project, or "". Errors: as ArtifactStore.
    Result<Imported> import_image(const std::filesystem::path& file, const std::string& project,
                                  const std::string& build);
    /// The same for one that was uploaded, and is of no build here. `holder`: the Glance image which it was
    /// uploaded for, or "".
    Result<Imported> import_image(IncomingFile file, const std::string& project, const std::string& holder);
    /// Errors: invalid, not_found, internal (damaged).
    Result<StoredImage> image(std::string_view digest, const Scope& scope);
    /// At most `limit` in byte order of the digests, beyond `marker`; damaged ones are left out.
    Result<std::vector<StoredImage>> images(const Scope& scope, const std::string& marker, std::size_t limit);
    /// Takes it from the scope's project, or from all that own it. Errors: invalid, not_found, conflict (a
    /// Glance image holds it).
    Result<void> remove_image(std::string_view digest, const Scope& scope);
    /// Drops the hold of that Glance image in a project of the scope; with the last one goes the project's
    /// share. Errors: invalid, not_found.
    Result<void> release_image(std::string_view digest, const Scope& scope, const std::string& holder);

private:
    Result<std::vector<Owner>> owners_of(Owned kind, std::string_view digest);
    Result<bool> own(Owned kind, const Owner& owner, bool stored_before, const std::string& holder = "");
    Result<Imported> import_file(const std::filesystem::path& file, const Owner& owner,
                                 const std::string& holder);
    Result<void> make_room(const std::string& project, const std::string& newest);
    Result<void> drop_bundle(const std::string& digest, const std::string& project);
    Result<void> drop_shares(std::string_view digest, const std::vector<Owner>& owners, const Scope& scope);

    ArtifactStore& store_;
    OwnerRepository& owners_;
    BundleLimit bundle_limit_;
};

}  // namespace unikernel
