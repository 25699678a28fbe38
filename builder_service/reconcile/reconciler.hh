// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <stop_token>
#include <thread>

#include "builder_service/builds/change_signal.hh"
#include "builder_service/reconcile/rollout_driver.hh"
#include "builder_service/reconcile/world.hh"

namespace unikernel
{

/// Algorithm 1's loop: looks at what is wanted and at what there is, and brings the second to the first, one
/// rollout for each line at a time. Everything is decided anew at each pass; nothing is known from before
/// that database, Glance and fleet do not say, but for how long this process has been waiting.
class Reconciler
{
public:
    /// What the lease's holder knows outlives it.
    explicit Reconciler(ReconcileParts parts) : parts_(std::move(parts)), driver_(parts_) {}
    Reconciler(const Reconciler&) = delete;
    Reconciler& operator=(const Reconciler&) = delete;

    /// Passes on a thread of its own, until it is destroyed; a change that `wake` tells of is acted on at
    /// once. `wake` outlives it.
    void start(ChangeSignal& wake);

    void stop() { thread_ = {}; }

    /// One pass. `whole`: with a look at all lines and servers; else only at what is on its way. Errors: as
    /// the database; the next pass finds things as they are then.
    Result<RolloutDriver::Next> pass(bool whole, const std::stop_token& stop);

private:
    void run(ChangeSignal& wake, const std::stop_token& stop);
    Result<void> look(const std::stop_token& stop);
    Standing standing_of(const LineImage& image) const;
    Result<void> count_places(const std::vector<Rollout>& active);
    Result<RolloutDriver::Next> advance_all(std::vector<Rollout>& active, const std::stop_token& stop);
    Result<std::vector<Rollout>> begin_all(const std::vector<Rollout>& active);
    Result<std::optional<Rollout>> begin(const Line& line);
    std::string cause(const Line& line) const;
    Result<std::vector<nlohmann::json>> left_behind(const Line& line) const;
    void retire(const std::stop_token& stop);

    ReconcileParts parts_;
    RolloutDriver driver_;
    World world_;
    bool looked_ = false;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace unikernel
