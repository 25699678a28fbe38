// SPDX-License-Identifier: Apache-2.0
#include "builder_service/reconcile/rollout.hh"

#include <algorithm>
#include <array>

namespace unikernel
{

namespace
{

constexpr std::array<std::string_view, 8> rollout_states{"building",  "replacing", "waiting", "paused",
                                                         "succeeded", "failed",    "aborted", "superseded"};
constexpr std::array<std::string_view, 9> server_states{
    "pending", "replacing", "checking", "replaced", "returning", "returned", "failed", "pinned", "gone"};
constexpr std::array<std::string_view, 3> orders{"", "pause", "abort"};

template <typename Enum, std::size_t size>
std::optional<Enum> from(const std::array<std::string_view, size>& words, std::string_view text)
{
    const auto* found = std::find(words.begin(), words.end(), text);
    return found == words.end() ? std::nullopt : std::optional(static_cast<Enum>(found - words.begin()));
}

nlohmann::json to_json(const RolloutServer& server)
{
    nlohmann::json json = {{"id", server.id},
                           {"name", server.name},
                           {"state", to_string(server.state)},
                           {"from_image", server.from_image},
                           {"started", nullptr},
                           {"ended", nullptr},
                           {"downtime_ms", nullptr},
                           {"error", server.error}};
    if (!server.started.empty())
        json["started"] = server.started;
    if (!server.ended.empty())
        json["ended"] = server.ended;
    if (server.state == ServerState::replaced && !server.started.empty())
        json["downtime_ms"] = server.downtime_ms;
    return json;
}

}  // namespace

std::string_view to_string(RolloutState state)
{
    return rollout_states[static_cast<std::size_t>(state)];
}

std::optional<RolloutState> rollout_state(std::string_view text)
{
    return from<RolloutState>(rollout_states, text);
}

bool has_ended(RolloutState state)
{
    return state >= RolloutState::succeeded;
}

std::string_view to_string(ServerState state)
{
    return server_states[static_cast<std::size_t>(state)];
}

std::optional<ServerState> server_state(std::string_view text)
{
    return from<ServerState>(server_states, text);
}

bool in_flight(ServerState state)
{
    return state == ServerState::replacing || state == ServerState::checking ||
           state == ServerState::returning;
}

std::string_view to_string(Order order)
{
    return orders[static_cast<std::size_t>(order)];
}

std::optional<Order> rollout_order(std::string_view text)
{
    return from<Order>(orders, text);
}

const nlohmann::json* imposed(const Rollout& rollout)
{
    const auto& all = rollout.requirements;
    const auto found = std::find_if(all.begin(), all.end(), [](const auto& each) {
        return each.value("new", false) && each.contains("project") && each["project"].is_null();
    });
    return found == all.end() ? nullptr : &*found;
}

nlohmann::json to_json(const Rollout& rollout)
{
    auto servers = nlohmann::json::array();
    for (const auto& server : rollout.servers)
        servers.push_back(to_json(server));
    return {{"id", rollout.id},
            {"project", rollout.project},
            {"name", rollout.name},
            {"state", to_string(rollout.state)},
            {"reason", rollout.reason},
            {"cause", rollout.cause},
            {"requirements", rollout.requirements},
            {"from_build", rollout.from_build},
            {"build", rollout.build},
            {"image", rollout.image},
            {"image_id", rollout.image_id},
            {"plan_digest", rollout.plan_digest},
            {"created", rollout.created},
            {"updated", rollout.updated},
            {"servers", servers}};
}

}  // namespace unikernel
