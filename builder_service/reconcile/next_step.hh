// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "builder_service/fleet/fleet.hh"
#include "builder_service/reconcile/rollout.hh"
#include "common/model/rollout_policy.hh"
#include "common/util/result.hh"

/// What a rollout does next, by facts alone: no clock, no database, no fleet is asked here.
namespace unikernel
{

/// What fleet and clock say of one server of a rollout.
struct ServerFacts {
    std::optional<Server> now;  ///< nothing: it was deleted
    std::string target;         ///< the new image, as in Server::image
    /// Since this process first saw the server in this state. Begins anew with each process, and does not
    /// follow the wall clock: a jump neither ends a deadline nor puts it off.
    std::chrono::milliseconds in_state{0};
    std::optional<std::chrono::milliseconds> since_asked;  ///< since this process asked the fleet
    std::chrono::seconds within{60};                       ///< RolloutPolicy::within
};

struct ServerStep {
    enum class Kind {
        wait,
        ask_new,  ///< that it run the target
        ask_old,  ///< that it run RolloutServer::from_image
        check,    ///< its health, then `after_check`
        mark      ///< it is in state `to` from now on
    } kind = Kind::wait;
    ServerState to = ServerState::pending;
    std::string why = {};  ///< for people
};

constexpr int asks_most = 3;
constexpr std::chrono::seconds ask_again{5};          ///< a question that had no effect is put again so late
constexpr std::chrono::hours within_most{1};          ///< the longest that a policy can say
constexpr std::chrono::minutes replacement_most{15};  ///< a fleet that has not ended by then failed

/// For a server that is in flight.
ServerStep next_step(const RolloutServer& server, const ServerFacts& facts);
/// After one try of all health checks.
ServerStep after_check(const Result<void>& health, const ServerFacts& facts);
/// After the fleet refused.
ServerStep after_refusal(const RolloutServer& server, const Failure& refusal, const ServerFacts& facts);

/// What is known of a rollout whose image is there.
struct RolloutFacts {
    RolloutPolicy policy;
    std::string unknown;  ///< why nobody knows now what is wanted, nor the policy; "": it is known
    std::optional<std::string> superseded;  ///< by what, for people
    bool window_open = true;
    std::chrono::milliseconds since_replaced{0};  ///< by this process's steady clock
    std::string busy;                             ///< no server whose turn it is can be touched now: why
    std::chrono::milliseconds busy_for{0};
};

struct RolloutStep {
    enum class Kind { begin, wait, finish } kind = Kind::wait;
    RolloutState state = RolloutState::replacing;  ///< wait, finish
    std::string reason = {};
    unsigned places = 0;  ///< begin: so many servers
};

RolloutStep next_step(const Rollout& rollout, const RolloutFacts& facts);

}  // namespace unikernel
