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

#include "builder_service/artifacts/artifact_store.hh"
#include "builder_service/builds/build_repository.hh"
#include "builder_service/builds/change_signal.hh"
#include "builder_service/builds/running_builds.hh"
#include "builder_service/pipeline/pipeline.hh"

namespace unikernel
{

/// The two functions of pipeline.hh with their settings bound.
struct Pipeline {
    std::function<Result<std::string>(const BuildRequest&, std::string_view bundle_digest)> digest;
    std::function<BuildOutcome(const BuildRequest&, const std::filesystem::path& work, BuildObserver&,
                               std::stop_token)>
        build;
};

struct BuildSettings {
    std::filesystem::path work;                     ///< folder for builds in progress; emptied at start
    unsigned workers = 2;                           ///< builds at once
    std::size_t queue = 64;                         ///< builds that wait; more are refused
    std::chrono::milliseconds time_limit{600'000};  ///< for one build
    std::uint64_t log_limit = 2ULL << 20;           ///< bytes of events of one build
    std::size_t keep = 1000;                        ///< ended builds that are remembered
    int attempts = 3;                               ///< a build during which the service dies so often fails
};

/// Takes builds, runs them on worker threads, and remembers all of it. Survives being killed at
/// any moment: what was queued or running is run after the next start. Thread-safe. The
/// repository and the store outlive it.
class BuildService
{
public:
    BuildService(BuildSettings settings, Pipeline pipeline, BuildRepository& repository,
                 ArtifactStore& store);
    /// Stops running builds; they are queued again for the next start.
    ~BuildService();
    BuildService(const BuildService&) = delete;
    BuildService& operator=(const BuildService&) = delete;

    /// Tidies up after the last process and starts the workers. Call once.
    Result<void> start();

    // NOLINTNEXTLINE(bugprone-exception-escape): nlohmann's move is taken for one that throws
    struct Submission {
        nlohmann::json spec;
        std::vector<nlohmann::json> requirements;
        std::string bundle;  ///< digest of a stored bundle
        bool boot_check = true;
    };
    struct Submitted {
        BuildRecord build;
        bool created = true;  ///< false: the same request was here before, this is its build
    };
    /// Secrets are sealed before anything is stored. Errors: as the pipeline's request_digest and
    /// the store's bundle; unavailable (the queue is full, or draining); no_space.
    Result<Submitted> submit(Submission submission);
    /// No error if it has ended. Errors: not_found.
    Result<void> cancel(const std::string& id);
    /// Errors: not_found.
    Result<BuildRecord> find(const std::string& id);
    /// Errors: not_found, for the marker.
    Result<std::vector<BuildRecord>> list(const std::string& marker, std::size_t limit);
    Result<std::vector<BuildEvent>> events(const BuildRecord& build, std::int64_t from, std::size_t limit);
    ChangeSignal& changes() { return changes_; }

    /// No build runs now.
    bool idle() { return running_.wait_none(std::chrono::milliseconds(0)); }
    /// Takes no further builds, stops the running ones (they are queued again) and waits for
    /// that at most `limit`. False: some did not stop.
    bool drain(std::chrono::milliseconds limit);
    void refuse_new() { draining_ = true; }
    bool draining() const { return draining_; }

private:
    Result<void> recover();
    Result<std::optional<BuildRecord>> reusable(const std::string& digest, bool boot_check);
    void work(const std::stop_token& stop);
    void run(BuildRecord build, std::stop_token stop);
    void conclude(BuildRecord& build, const BuildOutcome& outcome, BuildObserver& observer);
    void keep_image(BuildRecord& build, const BuildOutcome& outcome, BuildObserver& observer);
    void explain_stop(BuildRecord& build, StopReason reason) const;
    void finish(const BuildRecord& build);
    BuildOutcome build_in(const BuildRecord& build, BuildObserver& observer, std::stop_token stop);

    const BuildSettings settings_;
    const Pipeline pipeline_;
    BuildRepository& repository_;
    ArtifactStore& store_;
    ChangeSignal changes_;
    RunningBuilds running_;
    std::mutex queue_mutex_;  ///< submitting, claiming and cancelling exclude each other
    std::condition_variable_any queued_;
    std::uint64_t submitted_ = 0;
    std::atomic<bool> draining_{false};
    std::vector<std::jthread> workers_;  // last: they use all of the above
};

}  // namespace unikernel
