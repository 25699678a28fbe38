// SPDX-License-Identifier: Apache-2.0
// The servers of a rollout, once its image is there.
#include "builder_service/reconcile/rollout_driver.hh"

#include <algorithm>
#include <future>
#include <vector>

#include <spdlog/spdlog.h>

#include "builder_service/database/timestamp.hh"

namespace unikernel
{

namespace
{

constexpr unsigned asked_at_once = 16;  ///< each on a thread of its own

std::string key_of(const Rollout& rollout, const RolloutServer& server, std::string_view what)
{
    return rollout.id + "/" + server.id + "/" + std::string(what);
}

bool any(const Rollout& rollout, bool (*which)(ServerState))
{
    return std::any_of(rollout.servers.begin(), rollout.servers.end(),
                       [&](const auto& server) { return which(server.state); });
}

}  // namespace

std::optional<RolloutPolicy> RolloutDriver::policy_of(const Rollout& rollout, const World& world) const
{
    const auto* line = world.line({rollout.project, rollout.name});
    if (line == nullptr)
        return RolloutPolicy{};
    if (!line->wish)
        return std::nullopt;
    return imposed(rollout) != nullptr ? line->wish->imposed_policy : line->wish->policy;
}

Result<RolloutDriver::Next> RolloutDriver::replace(Rollout& rollout, World& world,
                                                   const std::stop_token& stop)
{
    if (auto adopted = adopt(rollout, world); !adopted)
        return tl::unexpected(adopted.error());
    const auto policy = policy_of(rollout, world);
    if (auto stepped = step_all(rollout, policy, stop); !stepped)
        return tl::unexpected(stepped.error());
    auto facts = facts_of(rollout, world);
    auto next = next_step(rollout, facts);
    const auto busy = rollout.id + "/busy";
    if (next.kind != RolloutStep::Kind::begin) {
        watch_.forget(busy);  // nobody asks now; who is busy later was not all the time
    } else {
        const auto begun = begin(rollout, world, next.places, facts.busy, stop);
        if (!begun)
            return tl::unexpected(begun.error());
        if (facts.busy.empty()) {
            watch_.forget(busy);
            return step_all(rollout, policy, stop).map([] { return Next::now; });
        }
        facts.busy_for = watch_.elapsed(busy);
        next = next_step(rollout, facts);
    }
    if (next.kind == RolloutStep::Kind::finish)
        return end(rollout, next, world);
    if (auto stored = wait(rollout, next.state, next.reason); !stored)
        return tl::unexpected(stored.error());
    const bool pauses = next.state == RolloutState::waiting && facts.window_open && facts.unknown.empty();
    return any(rollout, in_flight) || pauses ? Next::soon : Next::idle;
}

Result<RolloutDriver::Next> RolloutDriver::end(Rollout& rollout, const RolloutStep& last, const World& world)
{
    if (last.state == RolloutState::succeeded && !world.fresh)
        return Next::look;  // servers that were not seen yet would be missed
    if (last.state == RolloutState::succeeded && !world.no_list.empty())
        return wait(rollout, RolloutState::waiting, world.no_list).map([] { return Next::idle; });
    return finish(rollout, last.state, last.reason).map([] { return Next::look; });
}

Result<void> RolloutDriver::step_all(Rollout& rollout, const std::optional<RolloutPolicy>& policy,
                                     const std::stop_token& stop)
{
    for (auto& server : rollout.servers)
        while (in_flight(server.state)) {
            const auto moved = step(rollout, server, policy, stop);
            if (!moved)
                return tl::unexpected(moved.error());
            if (!*moved)
                break;
        }
    return {};
}

bool RolloutDriver::complies(const Rollout& rollout, const World& world, const LineImage& image) const
{
    const auto* line = world.line({rollout.project, rollout.name});
    return unikernel::complies(image, rollout.plan_digest,
                               line == nullptr || !line->wish ? std::nullopt : line->wish->validity,
                               parts_.clock.wall());
}

/// Servers of the line that do not run what is wanted, and are not known here yet.
Result<void> RolloutDriver::adopt(Rollout& rollout, const World& world)
{
    const auto tenants = world.tenants.find({rollout.project, rollout.name});
    if (!world.fresh || tenants == world.tenants.end())
        return {};
    for (const auto& [server, image] : tenants->second) {
        const bool known = std::any_of(rollout.servers.begin(), rollout.servers.end(),
                                       [&id = server.id](const auto& each) { return each.id == id; });
        if (known || server.image == target(rollout) || complies(rollout, world, image))
            continue;
        RolloutServer fresh;
        fresh.id = server.id;
        fresh.name = server.name;
        fresh.from_image = server.image;
        fresh.state = server.pinned ? ServerState::pinned : ServerState::pending;
        if (auto stored = parts_.rollouts.store(parts_.lease, rollout, fresh); !stored)
            return stored;
        rollout.servers.push_back(std::move(fresh));
    }
    return {};
}

RolloutFacts RolloutDriver::facts_of(const Rollout& rollout, const World& world)
{
    const auto* line = world.line({rollout.project, rollout.name});
    RolloutFacts facts;
    if (line != nullptr && !line->wish)
        facts.unknown = line->wish.error().message;
    facts.policy = policy_of(rollout, world).value_or(RolloutPolicy{});
    facts.superseded = superseded(rollout, world);
    facts.window_open = open(facts.policy, parts_.clock.wall());
    const auto replaced = std::count_if(rollout.servers.begin(), rollout.servers.end(),
                                        [](const auto& each) { return each.state == ServerState::replaced; });
    facts.since_replaced = watch_.elapsed(rollout.id + "/replaced/" + std::to_string(replaced));
    return facts;
}

/// One step of a server that is in flight. False: it waits for the fleet.
Result<bool> RolloutDriver::step(Rollout& rollout, RolloutServer& server,
                                 const std::optional<RolloutPolicy>& policy, const std::stop_token& stop)
{
    auto now = parts_.fleet.find(server.id, stop);
    if (!now) {
        spdlog::warn("rollout {}: server {}: {}", rollout.id, server.name, now.error().message);
        return false;
    }
    const ServerFacts facts{.now = std::move(*now),
                            .target = target(rollout),
                            .in_state = watch_.elapsed(key_of(rollout, server, to_string(server.state))),
                            .since_asked = watch_.known(key_of(rollout, server, "asked")),
                            .within = policy ? policy->within : within_most};
    auto next = next_step(server, facts);
    if (next.kind == ServerStep::Kind::check && !policy)
        return false;  // nobody knows what it must show
    if (next.kind == ServerStep::Kind::check)
        next = after_check(healthy(*facts.now, *policy, stop), facts);
    switch (next.kind) {
    case ServerStep::Kind::ask_new:
        return ask(rollout, server, facts.target, facts, stop).map([] { return false; });
    case ServerStep::Kind::ask_old:
        return ask(rollout, server, server.from_image, facts, stop).map([] { return false; });
    case ServerStep::Kind::mark:
        return mark(rollout, server, next).map([] { return true; });
    default:
        return false;
    }
}

Result<void> RolloutDriver::healthy(const Server& server, const RolloutPolicy& policy,
                                    const std::stop_token& stop)
{
    for (const auto& check : checks_of(policy))
        if (auto healthy = parts_.fleet.check(server, check, stop); !healthy)
            return fail(healthy.error().kind, to_text(check) + ": " + healthy.error().message);
    return {};
}

/// A server that is replaced and then cannot be checked would only be given its old image back.
Result<void> RolloutDriver::can_check(const Server& server, const RolloutPolicy& policy,
                                      const std::stop_token& stop)
{
    if (!server.running)
        return {};
    for (const auto& check : checks_of(policy))
        if (auto can = parts_.fleet.can_check(server, check, stop); !can)
            return fail(can.error().kind, to_text(check) + ": " + can.error().message);
    return {};
}

Result<void> RolloutDriver::ask(Rollout& rollout, RolloutServer& server, const std::string& image,
                                const ServerFacts& facts, const std::stop_token& stop)
{
    if (auto leads = lead(); !leads)
        return leads;
    watch_.restart(key_of(rollout, server, "asked"));
    return hear(rollout, server, parts_.fleet.replace(server.id, image, stop), facts);
}

/// The first question for servers that were begun with, all at once: some fleets answer when a guest has
/// booted.
Result<void> RolloutDriver::ask_all(Rollout& rollout, const std::vector<RolloutServer*>& servers,
                                    const std::stop_token& stop)
{
    if (auto leads = lead(); !leads)
        return leads;
    std::vector<std::future<Result<void>>> answers;
    for (const auto* server : servers) {
        watch_.restart(key_of(rollout, *server, "asked"));
        answers.push_back(
            std::async(std::launch::async, [this, stop, id = server->id, image = target(rollout)] {
                return parts_.fleet.replace(id, image, stop);
            }));
    }
    Result<void> all;
    for (std::size_t n = 0; n < servers.size(); ++n)
        if (auto heard = hear(rollout, *servers[n], answers[n].get(), {}); !heard)
            all = std::move(heard);
    return all;
}

/// What the fleet said to a question.
Result<void> RolloutDriver::hear(Rollout& rollout, RolloutServer& server, const Result<void>& answer,
                                 const ServerFacts& facts)
{
    if (answer) {
        ++server.attempts;
        return parts_.rollouts.store(parts_.lease, rollout, server);
    }
    spdlog::warn("rollout {}: server {}: {}", rollout.id, server.name, answer.error().message);
    const auto next = after_refusal(server, answer.error(), facts);
    return next.kind == ServerStep::Kind::mark ? mark(rollout, server, next) : Result<void>{};
}

Result<void> RolloutDriver::mark(Rollout& rollout, RolloutServer& server, const ServerStep& step)
{
    server.state = step.to;
    server.attempts = 0;
    if (!step.why.empty())
        server.error = step.why;
    if (!in_flight(step.to) && step.to != ServerState::pending)
        server.ended = timestamp(parts_.clock.wall());
    if (step.to == ServerState::replaced)
        server.downtime_ms = watch_.elapsed(key_of(rollout, server, "touched")).count();
    watch_.forget(key_of(rollout, server, "asked"));
    watch_.restart(key_of(rollout, server, to_string(step.to)));
    spdlog::info("rollout {}: server {} is {}{}{}", rollout.id, server.name, to_string(step.to),
                 step.why.empty() ? "" : ": ", step.why);
    return parts_.rollouts.store(parts_.lease, rollout, server);
}

/// Begins with pending servers, as many as there are places; if all are busy with something else, `busy` says
/// with what.
Result<void> RolloutDriver::begin(Rollout& rollout, const World& world, unsigned places, std::string& busy,
                                  const std::stop_token& stop)
{
    std::vector<RolloutServer*> begun;
    for (auto& server : rollout.servers) {
        if (begun.size() == std::min(places, asked_at_once))
            break;
        if (server.state != ServerState::pending)
            continue;
        auto now = parts_.fleet.find(server.id, stop);
        if (!now) {
            busy = now.error().message;
            continue;
        }
        if (!*now) {
            if (auto gone =
                    mark(rollout, server,
                         {.kind = ServerStep::Kind::mark, .to = ServerState::gone, .why = "it was deleted"});
                !gone)
                return tl::unexpected(gone.error());
            continue;
        }
        const auto started = begin(rollout, world, server, **now, busy, stop);
        if (!started)
            return tl::unexpected(started.error());
        if (*started)
            begun.push_back(&server);
    }
    if (!begun.empty() ||
        !std::any_of(rollout.servers.begin(), rollout.servers.end(),
                     [](const auto& server) { return server.state == ServerState::pending; }))
        busy.clear();
    return ask_all(rollout, begun, stop);
}

/// A server whose turn it is, seen anew. False: it is not to be touched, or not now, and `busy` says why.
Result<bool> RolloutDriver::begin(Rollout& rollout, const World& world, RolloutServer& server,
                                  const Server& now, std::string& busy, const std::stop_token& stop)
{
    const auto settle = [&](ServerState to, std::string why) {
        return mark(rollout, server, {.kind = ServerStep::Kind::mark, .to = to, .why = std::move(why)})
            .map([] { return false; });
    };
    if (now.pinned)
        return settle(ServerState::pinned, "");
    const auto image = parts_.images.of_reference(now.project, now.image);
    if (!image)
        return tl::unexpected(image.error());
    if (now.image == target(rollout) || (*image && complies(rollout, world, **image)))
        return settle(ServerState::replaced, "it ran such an image already");
    if (!*image || (*image)->project != rollout.project || (*image)->name != rollout.name)
        return settle(ServerState::gone, "it runs another image now, " + now.image);
    if (!now.settled) {
        busy = "server " + server.name + " is " + now.status + now.fault;
        return false;
    }
    const auto policy = policy_of(rollout, world).value_or(RolloutPolicy{});  // known, or none is begun with
    const auto checkable = can_check(now, policy, stop);
    if (!checkable) {
        busy = "server " + server.name +
               " is not touched, because its health could not be checked: " + checkable.error().message;
        return false;
    }
    server.state = ServerState::replacing;
    server.from_image = now.image;
    server.was_running = now.running;
    server.attempts = 0;
    server.error.clear();
    server.started = timestamp(parts_.clock.wall());
    server.ended.clear();
    watch_.restart(key_of(rollout, server, "touched"));
    watch_.restart(key_of(rollout, server, to_string(server.state)));
    watch_.forget(key_of(rollout, server, "asked"));
    if (auto stored = parts_.rollouts.store(parts_.lease, rollout, server); !stored)
        return tl::unexpected(stored.error());
    return true;
}

}  // namespace unikernel
