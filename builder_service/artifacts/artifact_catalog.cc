// SPDX-License-Identifier: Apache-2.0
#include "builder_service/artifacts/artifact_catalog.hh"

#include <algorithm>
#include <set>

namespace unikernel
{

namespace fs = std::filesystem;

namespace
{

constexpr std::chrono::hours bundle_rest{1};  // after its last use; who has sent a bundle gets to building it

/// The share that the scope sees, its own project's if there is one; null: none.
const Owner* visible(const std::vector<Owner>& owners, const Scope& scope)
{
    const Owner* seen = nullptr;
    for (const auto& owner : owners)
        if (scope.holds(owner.project) && (seen == nullptr || owner.project == scope.project))
            seen = &owner;
    return seen;
}

/// The image as this owner got it: another project's build is none of its business.
StoredImage as_seen(StoredImage image, const Owner& owner)
{
    if (owner.created.empty())
        return image;  // stored without an owner
    image.created = owner.created;
    image.build = owner.build;
    return image;
}

tl::unexpected<Failure> no_image(std::string_view digest)
{
    return fail(FailureKind::not_found, "no image " + std::string(digest) + " is stored here");
}

}  // namespace

/// Never empty: what nobody owns belongs to project "".
Result<std::vector<Owner>> ArtifactCatalog::owners_of(Owned kind, std::string_view digest)
{
    auto owners = owners_.owners(kind, std::string(digest));
    if (owners && owners->empty())
        owners->push_back({std::string(digest), "", "", ""});
    return owners;
}

/// `stored_before`: the bytes were there already; if nobody owned them, project "" did.
Result<bool> ArtifactCatalog::own(Owned kind, const Owner& owner, bool stored_before,
                                  const std::string& holder)
{
    if (stored_before) {
        const auto owners = owners_.owners(kind, owner.digest);
        if (!owners)
            return tl::unexpected(owners.error());
        if (owners->empty()) {
            if (auto added = owners_.add(kind, {owner.digest, "", "", ""}); !added)
                return added;
        }
    }
    return owners_.add(kind, owner, holder);
}

Result<std::string> ArtifactCatalog::keep_bundle(IncomingFile file, const std::string& project)
{
    const ArtifactStore::Turn turn(store_);  // bytes and owners change together
    auto digest = store_.keep_bundle(std::move(file));
    if (!digest)
        return digest;
    const auto fresh = own(Owned::bundle, {*digest, project, "", ""}, false);
    if (!fresh)
        return tl::unexpected(fresh.error());
    if (*fresh && bundle_limit_.needed)
        if (auto room = make_room(project, *digest); !room) {
            (void)drop_bundle(*digest, project);
            return tl::unexpected(room.error());
        }
    return digest;
}

/// By what nothing needs of the project's bundles, apart from the newest.
Result<void> ArtifactCatalog::make_room(const std::string& project, const std::string& newest)
{
    const auto digests = owners_.digests(Owned::bundle, project);
    if (!digests)
        return tl::unexpected(digests.error());
    std::multimap<fs::file_time_type, std::pair<std::string, std::uint64_t>> by_use;
    std::uint64_t bytes = 0;
    const auto count = [&](const std::string& digest) {
        if (const auto facts = store_.bundle_facts(digest)) {
            by_use.emplace(facts->used, std::pair(digest, facts->bytes));
            bytes += facts->bytes;
        }
    };
    std::for_each(digests->begin(), digests->end(), count);
    if (bytes <= bundle_limit_.bytes)
        return {};
    const auto needed = bundle_limit_.needed();
    if (!needed)
        return tl::unexpected(needed.error());
    const std::set<std::string> kept(needed->begin(), needed->end());
    std::erase_if(by_use, [&](const auto& entry) {
        const auto& [digest, size] = entry.second;
        bytes -= kept.contains(digest) ? size : 0;
        return kept.contains(digest);
    });
    const auto rested = fs::file_time_type::clock::now() - bundle_rest;
    for (const auto& [used, bundle] : by_use) {
        if (bytes <= bundle_limit_.bytes || used > rested)
            break;
        if (auto dropped = drop_bundle(bundle.first, project); !dropped)
            return dropped;
        bytes -= bundle.second;
    }
    if (bytes <= bundle_limit_.bytes || kept.contains(newest))
        return {};
    return fail(FailureKind::too_large,
                "the project would have " + std::to_string(bytes) +
                    " bytes of bundles that no build and no line of images needs, the maximum is " +
                    std::to_string(bundle_limit_.bytes) +
                    " (project-bundles); build what was sent, or try again when some of it was not used for "
                    "an hour");
}

/// Takes it from the project, and with the last owner from the store.
Result<void> ArtifactCatalog::drop_bundle(const std::string& digest, const std::string& project)
{
    const auto owners = owners_.owners(Owned::bundle, digest);
    if (!owners)
        return tl::unexpected(owners.error());
    // The bytes first: what has owners and no bytes is not seen, what has bytes and no owner would be.
    if (std::all_of(owners->begin(), owners->end(),
                    [&](const Owner& owner) { return owner.project == project; }))
        store_.remove_bundle(digest);
    return owners_.remove(Owned::bundle, digest, project);
}

Result<std::filesystem::path> ArtifactCatalog::bundle(std::string_view digest, const Scope& scope)
{
    auto path = store_.bundle(digest);
    if (!path)
        return path;
    const auto owners = owners_of(Owned::bundle, digest);
    if (!owners)
        return tl::unexpected(owners.error());
    if (visible(*owners, scope) == nullptr)
        return fail(FailureKind::not_found,
                    "no bundle " + std::string(digest) + " is stored here; send it to /v1/bundles first");
    return path;
}

void ArtifactCatalog::prune_bundles(std::chrono::hours age, const std::vector<std::string>& in_use)
{
    const ArtifactStore::Turn turn(store_);  // bytes and owners change together
    if (store_.prune_bundles(age, in_use) == 0)
        return;
    if (const auto all = owners_.all(Owned::bundle))
        for (const auto& [digest, owner] : *all)
            if (!store_.has_bundle(digest))
                (void)owners_.remove(Owned::bundle, digest, owner.project);
}

Result<ArtifactCatalog::Imported> ArtifactCatalog::import_image(const std::filesystem::path& file,
                                                                const std::string& project,
                                                                const std::string& build)
{
    return import_file(file, {"", project, "", build}, "");
}

/// The owner's digest is what the file has.
Result<ArtifactCatalog::Imported> ArtifactCatalog::import_file(const std::filesystem::path& file,
                                                               const Owner& owner, const std::string& holder)
{
    const ArtifactStore::Turn turn(store_);  // bytes and owners change together
    const auto facts = store_.verify(file);
    if (!facts)
        return tl::unexpected(facts.error());
    // The owner first: what has owners and no bytes is not seen, and the file is still there for another try.
    const auto fresh = own(Owned::image, {facts->digest, owner.project, "", owner.build},
                           store_.image(facts->digest).has_value(), holder);
    if (!fresh)
        return tl::unexpected(fresh.error());
    auto image = store_.import_image(file, *facts, owner.build);
    if (!image) {
        if (*fresh)
            (void)owners_.remove(Owned::image, facts->digest, owner.project);
        return tl::unexpected(image.error());
    }
    return Imported{std::move(*image), *fresh};
}

Result<ArtifactCatalog::Imported> ArtifactCatalog::import_image(IncomingFile file, const std::string& project,
                                                                const std::string& holder)
{
    if (auto digest = file.finish(); !digest)
        return tl::unexpected(digest.error());
    auto imported = import_file(file.path(), {"", project, "", ""}, holder);
    if (!imported && imported.error().kind == FailureKind::invalid) {
        // The file is nameless for the one who sent it.
        const auto path = file.path().string() + ": ";
        if (imported.error().message.starts_with(path))
            imported.error().message.erase(0, path.size());
    }
    return imported;
}

Result<StoredImage> ArtifactCatalog::image(std::string_view digest, const Scope& scope)
{
    auto image = store_.image(digest);
    if (!image)
        return image;
    const auto owners = owners_of(Owned::image, digest);
    if (!owners)
        return tl::unexpected(owners.error());
    const Owner* owner = visible(*owners, scope);
    if (owner == nullptr)
        return no_image(digest);
    return as_seen(std::move(*image), *owner);
}

Result<std::vector<StoredImage>> ArtifactCatalog::images(const Scope& scope, const std::string& marker,
                                                         std::size_t limit)
{
    const auto all = owners_.all(Owned::image);
    if (!all)
        return tl::unexpected(all.error());
    std::vector<StoredImage> found;
    for (const auto& digest : store_.image_digests()) {
        if (digest <= marker)
            continue;
        if (found.size() == limit)
            break;
        std::vector<Owner> owners;
        const auto [first, last] = all->equal_range(digest);
        std::transform(first, last, std::back_inserter(owners),
                       [](const auto& entry) { return entry.second; });
        if (owners.empty())
            owners.push_back({digest, "", "", ""});
        const Owner* owner = visible(owners, scope);
        if (owner == nullptr)
            continue;
        if (auto image = store_.image(digest))
            found.push_back(as_seen(std::move(*image), *owner));
    }
    return found;
}

Result<void> ArtifactCatalog::remove_image(std::string_view digest, const Scope& scope)
{
    if (auto hex = digest_hex(digest); !hex)
        return tl::unexpected(hex.error());
    const ArtifactStore::Turn turn(store_);  // bytes and owners change together
    const auto owners = owners_of(Owned::image, digest);
    if (!owners)
        return tl::unexpected(owners.error());
    const auto holders = owners_.holders(std::string(digest));
    if (!holders)
        return tl::unexpected(holders.error());
    for (const auto& [project, holder] : *holders)
        if (!holder.empty() && scope.holds(project))
            return fail(FailureKind::conflict,
                        "Glance's image " + holder + " has its bytes here; delete it there");
    return drop_shares(digest, *owners, scope);
}

Result<void> ArtifactCatalog::drop_shares(std::string_view digest, const std::vector<Owner>& owners,
                                          const Scope& scope)
{
    std::vector<Owner> dropped;
    std::copy_if(owners.begin(), owners.end(), std::back_inserter(dropped),
                 [&](const Owner& owner) { return scope.holds(owner.project); });
    if (dropped.empty())
        return no_image(digest);
    // The bytes first: what has owners and no bytes is not seen, what has bytes and no owner would be.
    Result<void> done;
    if (dropped.size() == owners.size())
        done = store_.remove_image(digest);
    for (const auto& each : dropped)
        if (auto removed = owners_.remove(Owned::image, each.digest, each.project); !removed)
            return removed;
    return done;
}

Result<void> ArtifactCatalog::release_image(std::string_view digest, const Scope& scope,
                                            const std::string& holder)
{
    if (auto hex = digest_hex(digest); !hex)
        return tl::unexpected(hex.error());
    const ArtifactStore::Turn turn(store_);  // bytes and owners change together
    const auto holders = owners_.holders(std::string(digest));
    if (!holders)
        return tl::unexpected(holders.error());
    const auto hold = std::find_if(holders->begin(), holders->end(), [&](const auto& each) {
        return each.second == holder && scope.holds(each.first);
    });
    if (hold == holders->end())
        return fail(FailureKind::not_found,
                    "image " + std::string(digest) + " is not held here for Glance's image " + holder);
    const auto& project = hold->first;
    if (holders->count(project) > 1)
        return owners_.release(std::string(digest), project, holder);
    const auto owners = owners_of(Owned::image, digest);
    if (!owners)
        return tl::unexpected(owners.error());
    return drop_shares(digest, *owners, Scope{project, false});
}

}  // namespace unikernel
