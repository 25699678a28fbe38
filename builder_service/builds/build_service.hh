// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "builder_service/artifacts/artifact_catalog.hh"
#include "builder_service/builds/build_repository.hh"
#include "builder_service/builds/builder_watch.hh"
#include "builder_service/builds/change_signal.hh"
#include "builder_service/builds/recording_observer.hh"
#include "builder_service/builds/running_builds.hh"
#include "builder_service/pipeline/pipeline.hh"
#include "builder_service/pipeline/preview.hh"
#include "builder_service/requirements/requirement_service.hh"

namespace unikernel
{

/// The functions of pipeline.hh with their settings bound.
struct Pipeline {
    std::function<Result<std::string>(const BuildRequest&, std::string_view bundle_digest)> digest;
    std::function<BuildOutcome(const BuildRequest&, const std::filesystem::path& work, BuildObserver&,
                               std::stop_token)>
        build;
    /// Whether a requirement fits the modules there are.
    RequirementService::Check check_requirement;
    std::function<Result<Preview>(const BuildRequest&)> preview;
};

/// How finished images get into Glance; bound by the composition root.
struct Publishing {
    /// Does what `build.publish` wishes, and keeps its state there and in the database; safe to repeat
    /// after it was cut off at any point. Empty: publishing is impossible here. Errors: cancelled, and
    /// any other, with a sentence for people.
    std::function<Result<void>(BuildRecord& build, const StoredImage& image, BuildObserver&, std::stop_token)>
        publish;
    /// Called when builds may have left something in Glance (PublishState::removing).
    std::function<void()> leftovers;
};

struct BuildSettings {
    std::filesystem::path work;                           ///< folder for builds in progress; emptied at start
    unsigned workers = 2;                                 ///< builds at once
    std::size_t queue = 64;                               ///< builds that wait; more are refused
    std::chrono::milliseconds time_limit{600'000};        ///< for one build
    std::uint64_t log_limit = 2ULL << 20;                 ///< bytes of events of one build
    std::chrono::milliseconds prune_interval{3'600'000};  ///< between two times old bundles are removed
    std::size_t keep = 1000;                              ///< ended builds that are remembered
    int attempts = 3;     ///< a build during which the service dies so often fails
    std::string builder;  ///< this one's name among those of the database; empty: there are no others
};

/// Takes builds, runs them on worker threads, and remembers all of it. Survives being killed at
/// any moment: what was queued or running is run after the next start, or by another builder of the same
/// database, whichever comes first; and survives a database that is away for a while. Thread-safe. What it
/// refers to outlives it.
class BuildService
{
public:
    BuildService(BuildSettings settings, Pipeline pipeline, Publishing publishing,
                 BuildRepository& repository, ArtifactCatalog& artifacts, RequirementService& requirements);
    /// Stops running builds; they are queued again for the next start.
    ~BuildService();
    BuildService(const BuildService&) = delete;
    BuildService& operator=(const BuildService&) = delete;

    /// Tidies up after the last process and starts the workers. `watch`: over the other builders of the
    /// database, if there may be any; outlives it. Call once.
    Result<void> start(BuilderWatch* watch = nullptr);

    struct Submission {
        std::string bundle;                          ///< digest of a stored bundle
        nlohmann::json spec;                         ///< null: the one in the bundle
        std::vector<nlohmann::json> requirements;    ///< beside the stored ones that apply
        std::vector<std::string> requirement_names;  ///< stored ones which must be among those that apply
        bool boot_check = true;
        std::optional<Publication> publish = std::nullopt;  ///< without image_id: one is chosen
        std::string project = {};                           ///< for which it is built; "" without identity
        std::string user = {};
        std::string request_id = {};  ///< to be passed on to other services
        /// Of the build; empty: one is chosen. With it this is a submission of the loop: the same id again is
        /// no second build; it makes the newest build of its line, even where an older one made the same
        /// image; and it is refused (conflict) while another build of the line waits or runs.
        std::string id = {};
        std::string domain = {};      ///< the project's
        std::string origin = "user";  ///< BuildRecord::origin
    };
    struct Submitted {
        BuildRecord build;
        bool created = true;  ///< false: the same request was here before, this is its build
    };
    /// Secrets are sealed before anything is stored. Errors: as the pipeline's request_digest, the
    /// catalog's bundle and the requirements' select; unavailable (the queue is full, or draining);
    /// no_space; invalid (publishing is impossible).
    Result<Submitted> submit(Submission submission);
    /// No error if it has ended. Errors: not_found.
    Result<void> cancel(const std::string& id, const Scope& scope);
    /// Errors: not_found.
    Result<BuildRecord> find(const std::string& id, const Scope& scope);
    /// Errors: not_found, for the marker.
    Result<std::vector<BuildRecord>> list(const Scope& scope, const std::string& marker, std::size_t limit);
    bool can_publish() const { return publishing_.publish != nullptr; }
    Result<std::vector<BuildEvent>> events(const BuildRecord& build, std::int64_t from, std::size_t limit);
    ChangeSignal& changes() { return changes_; }
    /// Calls `told` whenever a build ended. Call before `start`.
    void on_end(std::function<void()> told) { ended_ = std::move(told); }

    /// No build runs now.
    bool idle() { return running_.wait_none(std::chrono::milliseconds(0)); }
    /// Takes no further builds, stops the running ones (they are queued again) and waits for
    /// that at most `limit`. False: some did not stop.
    bool drain(std::chrono::milliseconds limit);
    void refuse_new();
    bool draining() const { return draining_; }

private:
    Result<void> recover();
    Result<void> begin_again(BuildRecord build, const std::string& what_happened);
    void prune_bundles();
    void keep_house(const std::stop_token& stop);
    void keep_watch(std::chrono::steady_clock::time_point& next_look);
    void take_over(const std::string& builder);
    struct Prepared {
        BuildRecord build;
        std::vector<std::string> left_out;  ///< for people: requirements that do not hold yet
    };
    Result<Prepared> prepare(Submission submission);
    Result<void> check_queue(const std::string& project);
    Result<std::optional<BuildRecord>> reusable(BuildRecord& wanted, bool of_the_loop);
    bool has_image(const BuildRecord& build);
    void work(const std::stop_token& stop);
    std::filesystem::path work_folder(const BuildRecord& build) const;
    void run(BuildRecord build, std::stop_token stop, const std::stop_token& ending);
    void make_image(BuildRecord& build, BuildObserver& observer, const std::stop_token& stop);
    void keep_image(BuildRecord& build, const BuildOutcome& outcome, BuildObserver& observer,
                    const std::stop_token& stop);
    void publish(BuildRecord& build, BuildObserver& observer, std::stop_token stop);
    bool conclude(BuildRecord& build, bool told);
    void explain_stop(BuildRecord& build, StopReason reason) const;
    bool finish(BuildRecord& build, bool told);
    BuildOutcome build_in(const BuildRecord& build, BuildObserver& observer, std::stop_token stop);

    const BuildSettings settings_;
    const Pipeline pipeline_;
    const Publishing publishing_;
    BuildRepository& repository_;
    ArtifactCatalog& artifacts_;
    RequirementService& requirements_;
    ChangeSignal changes_;
    std::function<void()> ended_;
    RunningBuilds running_;
    std::mutex queue_mutex_;  ///< submitting, claiming and cancelling exclude each other
    std::condition_variable_any queued_;
    std::uint64_t submitted_ = 0;
    std::atomic<bool> draining_{false};
    BuilderWatch* watch_ = nullptr;      ///< null: there are no other builders
    std::vector<std::jthread> workers_;  // last: they use all of the above
};

}  // namespace unikernel
