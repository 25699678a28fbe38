// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "builder_service/database/database.hh"
#include "builder_service/database/scope.hh"
#include "builder_service/reconcile/lease.hh"
#include "builder_service/reconcile/rollout.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// How long a line is left alone after what was wanted of it failed.
struct BackOff {
    std::string request;         ///< Wish::request that failed; another one begins at once
    int failures = 0;            ///< in a row
    long long next_try = 0;      ///< milliseconds since 1970 UTC
    bool until_changed = false;  ///< not again by itself: a person aborted it, or trying again is of no use
    std::string reason;          ///< for people
};

/// 15 s after the first failure, then twice as long each time, at most an hour.
std::chrono::milliseconds back_off(int failures);
/// Whether the line is left alone at `now_ms`. A wall clock that jumped back does not put it off for longer
/// than `back_off`.
bool holds(const BackOff& back_off, const std::string& request, long long now_ms);

/// Rollouts, their servers and the lines' back-off; all SQL of these tables is in this class. What the leader
/// stores is refused when it leads no longer. Thread-safe but for the lease. Failures are internal, or
/// no_space; "stored" means durable.
class RolloutRepository
{
public:
    /// `database` outlives it.
    explicit RolloutRepository(Database& database) : database_(database) {}
    RolloutRepository(const RolloutRepository&) = delete;
    RolloutRepository& operator=(const RolloutRepository&) = delete;

    /// A new one, with its servers; fills in number, id and times.
    Result<void> add(const Lease& lease, Rollout& rollout);
    /// The rollout without its servers, but for `order`, which is its owner's.
    Result<void> store(const Lease& lease, Rollout& rollout);
    Result<void> store(const Lease& lease, const Rollout& rollout, const RolloutServer& server);
    /// Its end, and what that means for the next try, in one. `back_off`: nothing forgets the line's.
    Result<void> finish(const Lease& lease, Rollout& rollout, const std::optional<BackOff>& back_off);

    /// A person's word. Errors: not_found; conflict (it has ended).
    Result<Rollout> give_order(const std::string& id, const Scope& scope, Order order);

    Result<std::optional<Rollout>> find(const std::string& id, const Scope& scope);
    /// Newest first; those older than the one `marker`, or from the newest when it is empty.
    Result<std::vector<Rollout>> list(const Scope& scope, std::optional<RolloutState> state,
                                      const std::string& marker, std::size_t limit);
    /// Those that have not ended, oldest first: at most one for each line.
    Result<std::vector<Rollout>> active();

    Result<std::optional<BackOff>> find_back_off(const std::string& project, const std::string& name);
    Result<void> set_back_off(const Lease& lease, const std::string& project, const std::string& name,
                              const BackOff& back_off);

    /// Forgets the oldest that have ended beyond `keep`.
    Result<void> prune(std::size_t keep);

private:
    Database& database_;
};

}  // namespace unikernel
