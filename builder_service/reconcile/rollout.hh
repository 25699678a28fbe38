// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace unikernel
{

/// How far the replacement of a line's image and servers has come (doc: rollouts.rst).
enum class RolloutState { building, replacing, waiting, paused, succeeded, failed, aborted, superseded };
std::string_view to_string(RolloutState state);
std::optional<RolloutState> rollout_state(std::string_view text);
bool has_ended(RolloutState state);

enum class ServerState {
    pending,    ///< its turn comes later
    replacing,  ///< from before the fleet was asked
    checking,   ///< it runs the new image
    replaced,
    returning,  ///< from before the fleet was asked to give it its old image back
    returned,
    failed,  ///< neither; `error` says what it is now
    pinned,  ///< its owner does not want it touched
    gone     ///< deleted by somebody
};
std::string_view to_string(ServerState state);
std::optional<ServerState> server_state(std::string_view text);
/// Something was asked of the fleet whose end is not known yet.
bool in_flight(ServerState state);

/// What a person said about a rollout.
enum class Order { none, pause, abort };
std::string_view to_string(Order order);
std::optional<Order> rollout_order(std::string_view text);

struct RolloutServer {
    std::string id, name;
    ServerState state = ServerState::pending;
    std::string from_image;        ///< as in Server::image
    bool was_running = true;       ///< before it was touched
    int attempts = 0;              ///< how often the fleet was asked, for the state it is in
    std::string started, ended;    ///< RFC 3339; empty: not yet
    std::int64_t downtime_ms = 0;  ///< from the first question to the first healthy answer
    std::string error;             ///< for people
};

/// One line (all builds of a name in a project) on its way to another image.
struct Rollout {
    std::int64_t number = 0;  ///< order of creation
    std::string id;           ///< UUID
    std::string project, name;
    RolloutState state = RolloutState::building;
    Order order = Order::none;
    std::string reason;  ///< for people: why it is in this state
    std::string cause;   ///< for people: why it was begun
    /// Stored ones that hold in it: [{"requirement","revision","project","domain","new"}]; project and domain
    /// as in BuildRecord::applied; new: some image that is replaced was made without.
    nlohmann::json requirements = nlohmann::json::array();
    std::string from_build;        ///< the line's head when it began
    std::string build;             ///< the one that makes the image; chosen before it is asked for
    std::string image, image_id;   ///< digest, and id in Glance; empty until they are known
    std::string plan_digest;       ///< of the wanted image
    std::string request;           ///< digest of what was wanted (Wish::request)
    std::string created, updated;  ///< RFC 3339
    std::vector<RolloutServer> servers;
};

/// Of its requirements one that is new in it and not a project's but an administrator's, or null: then what
/// becomes of the rollout is not for the project to say.
const nlohmann::json* imposed(const Rollout& rollout);

nlohmann::json to_json(const Rollout& rollout);

}  // namespace unikernel
