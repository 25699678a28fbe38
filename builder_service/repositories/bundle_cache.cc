// SPDX-License-Identifier: Apache-2.0
#include "builder_service/repositories/bundle_cache.hh"

#include <system_error>

#include "builder_service/repositories/download.hh"
#include "builder_service/repositories/signature.hh"
#include "common/util/digest.hh"
#include "common/util/file.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel
{

namespace
{

namespace fs = std::filesystem;

// Names in an entry.
constexpr const char* bundle_file = "bundle";
constexpr const char* signature_file = "bundle.sig";
constexpr const char* modules_folder = "modules";
constexpr const char* content_file = "content";  ///< digest of the folder as it was unpacked

/// Whether the unpacked folder is what the bundle unpacked to.
bool is_whole(const fs::path& entry)
{
    const auto noted = read_file(entry / content_file, 256);
    const auto found = sha256_folder(entry / modules_folder);
    return noted && found && *noted == to_string(*found);
}

/// Whether an entry that is there already is as good as the one that was made.
bool is_as_good(const fs::path& entry, const fs::path& made, std::uint64_t packed_limit)
{
    const auto same = [&](const char* file) {
        return read_file(entry / file, packed_limit).value_or("") ==
               read_file(made / file, packed_limit).value_or("");
    };
    return is_whole(entry) && same(bundle_file) && same(signature_file);
}

/// Puts what is below `made` in the place of `entry`. Somebody else who does the same may be first.
Result<void> put_in_place(const fs::path& made, const fs::path& entry, std::uint64_t packed_limit)
{
    std::error_code error;
    fs::rename(made, entry, error);
    if (!error || is_as_good(entry, made, packed_limit)) {
        return {};
    }
    const auto away = TemporaryDirectory::create("damaged", entry.parent_path());
    if (!away) {
        return tl::unexpected(away.error());
    }
    fs::rename(entry, away->path() / "entry", error);
    fs::rename(made, entry, error);
    return error ? Result<void>(tl::unexpected(system_failure(entry.string(), error.value())))
                 : Result<void>{};
}

}  // namespace

BundleCache::BundleCache(fs::path folder, const RepositoryLimits& limits)
    : folder_(std::move(folder)), limits_(limits)
{
}

fs::path BundleCache::entry(const RepositorySettings& repository) const
{
    return folder_ / repository.digest.substr(repository.digest.find(':') + 1);
}

Result<void> BundleCache::check(const RepositorySettings& repository, const std::string& bundle,
                                const std::string& signature) const
{
    const std::string digest = to_string(sha256(bundle));
    if (digest != repository.digest) {
        return fail(FailureKind::invalid, repository.bundle + " has the digest " + digest + ", not " +
                                              repository.digest +
                                              " as the configuration wants it: it was changed, or the "
                                              "configuration means another one");
    }
    if (repository.key.empty()) {
        return {};
    }
    Result<void> checked = check_signature(repository.key, bundle, signature);
    return checked ? checked : fail(checked.error().kind, repository.bundle + ": " + checked.error().message);
}

Result<fs::path> BundleCache::open(const RepositorySettings& repository) const
{
    const fs::path entry = this->entry(repository);
    const auto bundle = read_file(entry / bundle_file, limits_.packed);
    if (!bundle || to_string(sha256(*bundle)) != repository.digest) {
        return fail(FailureKind::not_found, repository.digest + " is not in " + folder_.string());
    }
    const auto signature = read_file(entry / signature_file, signature_bytes);
    if (!repository.key.empty() && !signature) {  // it was fetched when there was no key yet
        return fail(FailureKind::not_found,
                    repository.digest + " is in " + folder_.string() + " without its signature");
    }
    if (Result<void> checked = check(repository, *bundle, signature.value_or("")); !checked) {
        return tl::unexpected(checked.error());
    }
    return is_whole(entry) ? entry / modules_folder : install(repository, *bundle, signature.value_or(""));
}

Result<fs::path> BundleCache::fetch(const RepositorySettings& repository, const std::stop_token& stop) const
{
    const auto bundle =
        download({.url = repository.bundle, .limit = limits_.packed, .cafile = repository.cafile}, stop);
    if (!bundle) {
        return tl::unexpected(bundle.error());
    }
    std::string signature;
    if (!repository.key.empty()) {
        auto fetched = download(
            {.url = repository.signature, .limit = signature_bytes, .cafile = repository.cafile}, stop);
        if (!fetched) {
            return fail(fetched.error().kind, "the signature cannot be had: " + fetched.error().message);
        }
        signature = std::move(*fetched);
    }
    if (Result<void> checked = check(repository, *bundle, signature); !checked) {
        return tl::unexpected(checked.error());
    }
    return install(repository, *bundle, signature);
}

Result<fs::path> BundleCache::install(const RepositorySettings& repository, const std::string& bundle,
                                      const std::string& signature) const
{
    std::error_code error;
    fs::create_directories(folder_, error);
    const auto made = TemporaryDirectory::create("incoming", folder_);
    if (!made) {
        return tl::unexpected(made.error());
    }
    const fs::path entry = made->path() / "entry";
    const fs::path modules = entry / modules_folder;
    fs::create_directories(modules, error);
    Result<void> done = write_file_atomically(entry / bundle_file, bundle);
    done = done && !signature.empty() ? write_file_atomically(entry / signature_file, signature) : done;
    if (done) {
        done = unpack_bundle(entry / bundle_file, modules, limits_.unpacked);
        done = done ? done : fail(done.error().kind, repository.bundle + ": " + done.error().message);
    }
    const auto content = done ? sha256_folder(modules) : tl::unexpected(done.error());
    done = content ? write_file_atomically(entry / content_file, to_string(*content))
                   : tl::unexpected(content.error());
    done = done ? put_in_place(entry, this->entry(repository), limits_.packed) : done;
    if (!done) {
        return tl::unexpected(done.error());
    }
    return this->entry(repository) / modules_folder;
}

}  // namespace unikernel
