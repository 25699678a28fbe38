// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "builder_service/builds/build_run.hh"

namespace unikernel
{

/// Why a build was told to stop; the first reason counts.
enum class StopReason { none, cancelled, timed_out, log_limit, disk_full, taken_over, shutdown };

/// The builds that run now: stops them on request and when their time is over. Thread-safe.
class RunningBuilds
{
public:
    RunningBuilds();
    ~RunningBuilds();
    RunningBuilds(const RunningBuilds&) = delete;
    RunningBuilds& operator=(const RunningBuilds&) = delete;

    std::stop_token begin(const BuildRun& run, std::chrono::milliseconds time_limit);
    /// Why it was stopped.
    StopReason reason(const BuildRun& run);
    void end(const BuildRun& run);
    /// False: there is no such run.
    bool stop(const BuildRun& run, StopReason reason);
    void stop_all(StopReason reason);
    /// False: some build still ran at the end of `limit`.
    bool wait_none(std::chrono::milliseconds limit);

private:
    struct Entry {
        std::stop_source source;
        std::chrono::steady_clock::time_point deadline;
        StopReason reason = StopReason::none;
    };
    static void stop(Entry& entry, StopReason reason);
    void watch(const std::stop_token& stop_watching);

    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::map<BuildRun, Entry> entries_;
    std::uint64_t begun_ = 0;  ///< wakes up the watcher, whose next deadline may have come closer
    std::jthread watcher_;
};

}  // namespace unikernel
