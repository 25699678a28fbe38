// SPDX-License-Identifier: Apache-2.0
#include "builder_service/reconcile/next_step.hh"

#include <algorithm>

namespace unikernel
{

namespace
{

using Kind = ServerStep::Kind;

ServerStep mark(ServerState to, std::string why = {})
{
    return {Kind::mark, to, std::move(why)};
}

std::string told(const Server& server)
{
    return server.status + (server.fault.empty() ? "" : ": " + server.fault);
}

bool may_ask(const RolloutServer& server, const ServerFacts& facts)
{
    return server.attempts < asks_most && (!facts.since_asked || *facts.since_asked >= ask_again);
}

ServerStep replacing(const RolloutServer& server, const ServerFacts& facts)
{
    const auto& now = *facts.now;
    const bool late = facts.in_state >= replacement_most;
    if (now.image == facts.target) {
        if (!now.fault.empty())
            return mark(ServerState::returning, "it does not start with the new image: " + told(now));
        if (now.settled && (now.running || !server.was_running))
            return mark(ServerState::checking);
        if (now.settled && facts.in_state >= facts.within)
            return mark(ServerState::returning, "it stopped with the new image (" + told(now) + ")");
        return late ? mark(ServerState::returning, "it is " + told(now) + " and stays so") : ServerStep{};
    }
    if (now.image != server.from_image)
        return mark(ServerState::pending);  // somebody else rebuilt it
    if (now.pinned && server.attempts == 0)
        return mark(ServerState::pinned);
    if (now.settled || !now.fault.empty()) {
        if (may_ask(server, facts))
            return {Kind::ask_new};
        if (server.attempts >= asks_most && facts.since_asked.value_or(ask_again) >= ask_again)
            return mark(ServerState::failed, "it runs its old image still, after it was asked " +
                                                 std::to_string(server.attempts) + " times (" + told(now) +
                                                 ")");
    }
    return late ? mark(ServerState::failed, "it runs its old image still, and is " + told(now))
                : ServerStep{};
}

ServerStep checking(const RolloutServer& server, const ServerFacts& facts)
{
    const auto& now = *facts.now;
    if (now.image != facts.target)
        return mark(ServerState::pending);
    if (!now.fault.empty())
        return mark(ServerState::returning, "it failed with the new image: " + told(now));
    if (now.settled && !now.running && !server.was_running)
        return mark(ServerState::replaced, "it was stopped before, and is; its health could not be checked");
    if (now.settled && now.running)
        return {Kind::check};
    if (facts.in_state < facts.within)
        return {};
    return mark(ServerState::returning, "it is " + told(now) + " with the new image");
}

ServerStep returning(const RolloutServer& server, const ServerFacts& facts)
{
    const auto& now = *facts.now;
    const bool late = facts.in_state >= replacement_most;
    if (now.image == server.from_image) {
        if (now.settled && now.fault.empty())
            return mark(ServerState::returned);
        if (!now.fault.empty() && may_ask(server, facts))
            return {Kind::ask_old};
        return late || (!now.fault.empty() && server.attempts >= asks_most)
                   ? mark(ServerState::failed, "it has its old image back, and is " + told(now))
                   : ServerStep{};
    }
    if (now.image != facts.target)
        return mark(ServerState::failed, "somebody else rebuilt it with image " + now.image);
    if (may_ask(server, facts))
        return {Kind::ask_old};
    if (late || (server.attempts >= asks_most && facts.since_asked.value_or(ask_again) >= ask_again))
        return mark(ServerState::failed,
                    "it was not given its old image back, and is " + told(now) + " with the new one");
    return {};
}

}  // namespace

ServerStep next_step(const RolloutServer& server, const ServerFacts& facts)
{
    if (!facts.now)
        return mark(ServerState::gone, "it was deleted");
    switch (server.state) {
    case ServerState::replacing:
        return replacing(server, facts);
    case ServerState::checking:
        return checking(server, facts);
    case ServerState::returning:
        return returning(server, facts);
    default:
        return {};
    }
}

ServerStep after_check(const Result<void>& health, const ServerFacts& facts)
{
    if (health)
        return mark(ServerState::replaced);
    if (health.error().kind == FailureKind::not_found || health.error().kind == FailureKind::cancelled)
        return {};  // the next look says what that means
    if (health.error().kind == FailureKind::invalid)
        return mark(ServerState::returning, "its health cannot be checked: " + health.error().message);
    if (facts.in_state < facts.within)
        return {};
    return mark(ServerState::returning, "not healthy within " + std::to_string(facts.within.count()) +
                                            " s: " + health.error().message);
}

ServerStep after_refusal(const RolloutServer& server, const Failure& refusal, const ServerFacts& facts)
{
    if (refusal.kind == FailureKind::invalid)
        return mark(ServerState::failed, refusal.message);
    if (facts.in_state >= replacement_most)
        return mark(ServerState::failed, refusal.message);
    return {Kind::wait, server.state, refusal.message};
}

namespace
{

std::string names(const Rollout& rollout, bool (*which)(ServerState))
{
    std::string all;
    std::size_t count = 0;
    for (const auto& server : rollout.servers)
        if (which(server.state) && ++count <= 3)
            all += (all.empty() ? "" : ", ") + server.name;
    return count > 3 ? all + " and " + std::to_string(count - 3) + " others" : all;
}

long count(const Rollout& rollout, ServerState state)
{
    return std::count_if(rollout.servers.begin(), rollout.servers.end(),
                         [&](const auto& server) { return server.state == state; });
}

/// Of the first server that did not get along with the new image.
const RolloutServer* first_failure(const Rollout& rollout)
{
    const auto found = std::find_if(rollout.servers.begin(), rollout.servers.end(), [](const auto& server) {
        return server.state == ServerState::failed || server.state == ServerState::returned ||
               server.state == ServerState::returning;
    });
    return found == rollout.servers.end() ? nullptr : &*found;
}

std::string summary(const Rollout& rollout)
{
    auto text = std::to_string(count(rollout, ServerState::replaced)) + " servers run the new image";
    if (const auto pinned = count(rollout, ServerState::pinned); pinned != 0)
        text += ", " + std::to_string(pinned) + " are pinned by their owners and were not touched";
    return text;
}

std::string why_failed(const RolloutServer& server)
{
    const auto end = server.state == ServerState::returned ? " was given its old image back: " : " failed: ";
    return "server " + server.name + end + server.error + "; no further server is touched";
}

/// Why no server may begin now, or nothing.
std::optional<RolloutStep> obstacle(const Rollout& rollout, const RolloutFacts& facts)
{
    const auto wait = [](RolloutState state, std::string reason) {
        return RolloutStep{RolloutStep::Kind::wait, state, std::move(reason)};
    };
    if (rollout.order == Order::pause)
        return wait(RolloutState::paused, "paused by a person");
    if (!facts.unknown.empty())
        return wait(RolloutState::waiting, "it is not known now what is wanted: " + facts.unknown);
    if (!facts.window_open)
        return wait(RolloutState::waiting, "no maintenance window is open");
    if (count(rollout, ServerState::replaced) > 0 && facts.since_replaced < facts.policy.pause)
        return wait(RolloutState::waiting, "the pause of " + std::to_string(facts.policy.pause.count()) +
                                               " s after a replaced server");
    return std::nullopt;
}

unsigned places(const Rollout& rollout, const RolloutPolicy& policy, long at_work)
{
    const bool canary = count(rollout, ServerState::replaced) < static_cast<long>(policy.canary);
    const long most = canary ? 1 : std::max(1L, static_cast<long>(policy.parallel));
    return static_cast<unsigned>(std::max(0L, most - at_work));
}

}  // namespace

RolloutStep next_step(const Rollout& rollout, const RolloutFacts& facts)
{
    using Step = RolloutStep::Kind;
    const auto at_work = count(rollout, ServerState::replacing) + count(rollout, ServerState::checking) +
                         count(rollout, ServerState::returning);
    const auto* failure = first_failure(rollout);
    const bool pending = count(rollout, ServerState::pending) > 0;
    const auto finish = [](RolloutState state, std::string reason) {
        return RolloutStep{Step::finish, state, std::move(reason)};
    };
    if (failure != nullptr || rollout.order == Order::abort || facts.superseded || !pending) {
        if (at_work > 0)
            return {Step::wait, RolloutState::replacing, "at work: " + names(rollout, in_flight)};
        if (failure != nullptr)
            return finish(RolloutState::failed, why_failed(*failure));
        if (!pending)
            return finish(RolloutState::succeeded, summary(rollout));
        if (rollout.order == Order::abort)
            return finish(RolloutState::aborted, "aborted by a person; " + summary(rollout));
        return finish(RolloutState::superseded, *facts.superseded);
    }
    if (auto blocked = obstacle(rollout, facts)) {
        if (at_work > 0 && blocked->state != RolloutState::paused)
            blocked->state = RolloutState::replacing;
        return *blocked;
    }
    if (facts.busy_for >= replacement_most && at_work == 0)
        return finish(RolloutState::failed, facts.busy + ", and stays so; " + summary(rollout));
    if (const auto free = places(rollout, facts.policy, at_work); free > 0 && facts.busy.empty())
        return {Step::begin, RolloutState::replacing, {}, free};
    if (at_work > 0)
        return {Step::wait, RolloutState::replacing, "at work: " + names(rollout, in_flight)};
    return {Step::wait, RolloutState::waiting, facts.busy};
}

}  // namespace unikernel
