// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder_service/repositories/bundle_cache.hh"
#include "builder_service/repositories/folder_stamp.hh"
#include "builder_service/repositories/repository_settings.hh"
#include "common/model/module.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// One repository as it is now.
struct RepositoryStatus {
    enum class State {
        ready,
        cached,   ///< what was fetched before is used; its source is gone, or another now
        unusable  ///< it takes no part, and no image is made in which it might (check_lost)
    };
    std::string name;
    bool bundle = false;  ///< else a folder
    std::string location;
    std::string digest;  ///< of the bundle, or of the folder's content; empty: not known
    bool is_signed = false;
    int priority = 0;
    State state = State::ready;
    std::string error;  ///< why it is not ready
    std::size_t modules = 0;
};
std::string_view to_string(RepositoryStatus::State state);
nlohmann::json to_json(const RepositoryStatus& status);

/// All module repositories of a builder: its own folder, other folders, and bundles. Folders are read as they
/// are whenever something in them changed; bundles are what their digests say. Thread-safe.
class ModuleRepositories
{
public:
    struct Settings {
        std::filesystem::path builtin;  ///< folder of module folders, the builder's own
        RepositoriesSettings repositories;
        std::filesystem::path cache;  ///< folder for bundles that were fetched
        RepositoryLimits limits;
    };

    /// Reads nothing yet. Bundles are unusable before the first refresh.
    explicit ModuleRepositories(Settings settings);

    /// Fetches bundles that are not here yet. May take as long as a server lets it: call it at the start, and
    /// now and then. `look_at_sources`: also asks whether the others are still where they came from. Answers
    /// what an operator should know, a sentence for each repository that changed its state.
    std::vector<std::string> refresh(const std::stop_token& stop, bool look_at_sources = true);

    /// All modules that can be used, with pins, and the repositories that are lost. Cheap while nothing
    /// changes. Errors: of the builder's own repository, as load_repository.
    Result<Repository> modules();

    /// Differs whenever `modules` does, or what is lost. Cheap while nothing changes.
    Result<std::string> content_digest();

    /// By priority, the highest first.
    std::vector<RepositoryStatus> status();

private:
    /// What is known of one repository.
    struct Member {
        RepositorySettings settings;
        std::filesystem::path folder;  ///< of module folders; empty: a bundle that could not be had
        std::string reason;            ///< why it is not ready
        bool lost = false;
        std::string clash;                 ///< why its modules cannot be among the others'
        std::optional<FolderStamp> stamp;  ///< of what was read last
        Repository modules;
        std::string content;  ///< digest over `modules`

        explicit Member(RepositorySettings of);
        RepositoryStatus status() const;
    };

    void look(Member& member);
    Result<void> read(Member& member);
    Member visited(Member member, const std::stop_token& stop, bool look_at_source) const;
    Result<Repository> gather();

    const Settings settings_;
    const BundleCache bundles_;
    std::mutex refreshing_;        ///< one refresh at a time
    std::mutex mutex_;             ///< guards what follows
    std::vector<Member> members_;  ///< by priority; the builder's own among them
};

/// What the module's folder says of it, and `repository`. Errors: as decode_file.
Result<nlohmann::json> manifest_of(const Module& module);

}  // namespace unikernel
