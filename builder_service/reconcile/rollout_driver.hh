// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "builder_service/reconcile/next_step.hh"
#include "builder_service/reconcile/stopwatch.hh"
#include "builder_service/reconcile/world.hh"

namespace unikernel
{

/// Brings rollouts forward. Each step is decided (next_step.hh) by what database and fleet say now, and
/// stored before it is done; so it may be cut off at any point, and be gone on with by another process.
/// Waits for nothing. Used by one thread.
class RolloutDriver
{
public:
    enum class Next {
        idle,  ///< nothing to do until something changes
        soon,  ///< servers are at work: look again in a moment
        now,   ///< servers were begun with; look again at once, also for orders
        look   ///< it can end after a look at everything
    };

    /// `parts` outlives it.
    explicit RolloutDriver(ReconcileParts& parts) : parts_(parts), watch_(parts.clock) {}

    /// As far as possible now. Errors: as the database; the rollout is as it was stored last.
    Result<Next> advance(Rollout& rollout, World& world, const std::stop_token& stop);

private:
    using Done = Result<void>;
    Result<Next> build(Rollout& rollout, World& world);
    Done submit(Rollout& rollout, World& world);
    Result<Next> take_image(Rollout& rollout, const BuildRecord& build);
    Result<Next> replace(Rollout& rollout, World& world, const std::stop_token& stop);
    Done adopt(Rollout& rollout, const World& world);
    Result<Next> end(Rollout& rollout, const RolloutStep& last, const World& world);
    /// Nothing: nobody knows just now.
    std::optional<RolloutPolicy> policy_of(const Rollout& rollout, const World& world) const;
    Done step_all(Rollout& rollout, const std::optional<RolloutPolicy>& policy, const std::stop_token& stop);
    Result<bool> step(Rollout& rollout, RolloutServer& server, const std::optional<RolloutPolicy>& policy,
                      const std::stop_token& stop);
    Done ask(Rollout& rollout, RolloutServer& server, const std::string& image, const ServerFacts& facts,
             const std::stop_token& stop);
    Result<void> healthy(const Server& server, const RolloutPolicy& policy, const std::stop_token& stop);
    Done mark(Rollout& rollout, RolloutServer& server, const ServerStep& step);
    Done ask_all(Rollout& rollout, const std::vector<RolloutServer*>& servers, const std::stop_token& stop);
    Done hear(Rollout& rollout, RolloutServer& server, const Result<void>& answer, const ServerFacts& facts);
    Done begin(Rollout& rollout, const World& world, unsigned places, std::string& busy,
               const std::stop_token& stop);
    Result<bool> begin(Rollout& rollout, const World& world, RolloutServer& server, const Server& now,
                       std::string& busy, const std::stop_token& stop);
    Result<void> can_check(const Server& server, const RolloutPolicy& policy, const std::stop_token& stop);
    bool complies(const Rollout& rollout, const World& world, const LineImage& image) const;
    RolloutFacts facts_of(const Rollout& rollout, const World& world);
    Done wait(Rollout& rollout, RolloutState state, const std::string& reason);
    Done finish(Rollout& rollout, RolloutState state, const std::string& reason, bool until_changed = false);
    std::optional<std::string> superseded(const Rollout& rollout, const World& world) const;
    std::string target(const Rollout& rollout) const;
    Result<void> lead();

    ReconcileParts& parts_;
    Stopwatch watch_;
};

}  // namespace unikernel
