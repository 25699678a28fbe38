// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/running_builds.hh"

#include <algorithm>

namespace unikernel
{

RunningBuilds::RunningBuilds() : watcher_([this](const std::stop_token& stop) { watch(stop); }) {}
RunningBuilds::~RunningBuilds() = default;

std::stop_token RunningBuilds::begin(const BuildRun& run, std::chrono::milliseconds time_limit)
{
    const std::scoped_lock lock(mutex_);
    auto& entry = entries_[run];
    ++begun_;
    entry.deadline = std::chrono::steady_clock::now() + time_limit;
    changed_.notify_all();
    return entry.source.get_token();
}

StopReason RunningBuilds::reason(const BuildRun& run)
{
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(run);
    return found == entries_.end() ? StopReason::none : found->second.reason;
}

void RunningBuilds::end(const BuildRun& run)
{
    const std::scoped_lock lock(mutex_);
    entries_.erase(run);
    changed_.notify_all();
}

void RunningBuilds::stop(Entry& entry, StopReason reason)
{
    if (entry.reason == StopReason::none)
        entry.reason = reason;
    entry.source.request_stop();
}

bool RunningBuilds::stop(const BuildRun& run, StopReason reason)
{
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(run);
    if (found == entries_.end())
        return false;
    stop(found->second, reason);
    return true;
}

void RunningBuilds::stop_all(StopReason reason)
{
    const std::scoped_lock lock(mutex_);
    for (auto& [run, entry] : entries_)
        stop(entry, reason);
}

bool RunningBuilds::wait_none(std::chrono::milliseconds limit)
{
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [this] { return entries_.empty(); });
}

void RunningBuilds::watch(const std::stop_token& stop_watching)
{
    std::unique_lock lock(mutex_);
    while (!stop_watching.stop_requested()) {
        const auto now = std::chrono::steady_clock::now();
        auto next = now + std::chrono::hours(1);
        for (auto& [run, entry] : entries_) {
            if (entry.reason == StopReason::none && entry.deadline <= now)
                stop(entry, StopReason::timed_out);
            if (entry.reason == StopReason::none)
                next = std::min(next, entry.deadline);
        }
        changed_.wait_until(lock, stop_watching, next, [this, seen = begun_] { return begun_ != seen; });
    }
}

}  // namespace unikernel
