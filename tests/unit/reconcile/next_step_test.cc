// SPDX-License-Identifier: Apache-2.0
#include "builder_service/reconcile/next_step.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace unikernel
{
namespace
{

using namespace std::chrono_literals;
using testing::HasSubstr;
using Kind = ServerStep::Kind;
using Step = RolloutStep::Kind;

constexpr auto pending = ServerState::pending;
constexpr auto replacing = ServerState::replacing;
constexpr auto checking = ServerState::checking;
constexpr auto replaced = ServerState::replaced;
constexpr auto returning = ServerState::returning;
constexpr auto returned = ServerState::returned;
constexpr auto failed = ServerState::failed;

/// What the fleet says.
enum class Says { gone, runs, stopped, busy, broken };
struct ServerCase {
    const char* name;
    ServerState state;
    const char* image;  ///< "old", "new", "other"
    Says says;
    std::chrono::seconds in_state;
    int attempts;
    Kind kind;
    ServerState to = pending;
    bool was_running = true;
};
void PrintTo(const ServerCase& each, std::ostream* out)
{
    *out << each.name;
}

class ServerStepTest : public testing::TestWithParam<ServerCase>
{
};

TEST_P(ServerStepTest, follows_from_the_facts)
{
    const auto& each = GetParam();
    RolloutServer server;
    server.state = each.state;
    server.from_image = "old";
    server.attempts = each.attempts;
    server.was_running = each.was_running;
    ServerFacts facts;
    facts.target = "new";
    facts.in_state = each.in_state;
    facts.within = 60s;
    if (each.attempts > 0)
        facts.since_asked = each.in_state;
    if (each.says != Says::gone)
        facts.now = Server{.id = "s",
                           .name = "s",
                           .project = "",
                           .image = each.image,
                           .status = "X",
                           .settled = each.says != Says::busy,
                           .running = each.says == Says::runs,
                           .pinned = false,
                           .fault = each.says == Says::broken ? "no host" : ""};
    const auto step = next_step(server, facts);
    EXPECT_EQ(step.kind, each.kind);
    if (step.kind == Kind::mark) {
        EXPECT_EQ(to_string(step.to), to_string(each.to));
    }
}

INSTANTIATE_TEST_SUITE_P(
    All, ServerStepTest,
    testing::Values(
        ServerCase{"deleted", replacing, "old", Says::gone, 0s, 0, Kind::mark, ServerState::gone},
        ServerCase{"deleted_while_checked", checking, "new", Says::gone, 0s, 0, Kind::mark,
                   ServerState::gone},
        ServerCase{"not_asked_yet", replacing, "old", Says::runs, 0s, 0, Kind::ask_new},
        ServerCase{"asked_a_moment_ago", replacing, "old", Says::runs, 1s, 1, Kind::wait},
        ServerCase{"asked_without_effect", replacing, "old", Says::runs, 6s, 1, Kind::ask_new},
        ServerCase{"asked_without_effect_too_often", replacing, "old", Says::runs, 6s, 3, Kind::mark, failed},
        ServerCase{"under_way", replacing, "new", Says::busy, 30s, 1, Kind::wait},
        ServerCase{"under_way_with_its_old_image", replacing, "old", Says::busy, 30s, 1, Kind::wait},
        ServerCase{"under_way_for_ever", replacing, "new", Says::busy, 900s, 1, Kind::mark, returning},
        ServerCase{"never_under_way", replacing, "old", Says::busy, 900s, 1, Kind::mark, failed},
        ServerCase{"there", replacing, "new", Says::runs, 3s, 1, Kind::mark, checking},
        ServerCase{"broken", replacing, "new", Says::broken, 3s, 1, Kind::mark, returning},
        ServerCase{"stopped_at_once", replacing, "new", Says::stopped, 3s, 1, Kind::wait},
        ServerCase{"stopped", replacing, "new", Says::stopped, 61s, 1, Kind::mark, returning},
        ServerCase{"stopped_as_before", replacing, "new", Says::stopped, 3s, 1, Kind::mark, checking, false},
        ServerCase{"rebuilt_by_somebody", replacing, "other", Says::runs, 3s, 1, Kind::mark, pending},
        ServerCase{"to_be_checked", checking, "new", Says::runs, 0s, 0, Kind::check},
        ServerCase{"checked_after_the_deadline_too", checking, "new", Says::runs, 9999s, 0, Kind::check},
        ServerCase{"restarts", checking, "new", Says::busy, 30s, 0, Kind::wait},
        ServerCase{"does_not_come_back", checking, "new", Says::busy, 60s, 0, Kind::mark, returning},
        ServerCase{"breaks_while_checked", checking, "new", Says::broken, 1s, 0, Kind::mark, returning},
        ServerCase{"not_to_be_checked", checking, "new", Says::stopped, 0s, 0, Kind::mark, replaced, false},
        ServerCase{"taken_back_by_somebody", checking, "old", Says::runs, 0s, 0, Kind::mark, pending},
        ServerCase{"to_be_given_back", returning, "new", Says::runs, 0s, 0, Kind::ask_old},
        ServerCase{"to_be_given_back_busy", returning, "new", Says::busy, 0s, 0, Kind::ask_old},
        ServerCase{"going_back", returning, "old", Says::busy, 5s, 1, Kind::wait},
        ServerCase{"back", returning, "old", Says::runs, 5s, 1, Kind::mark, returned},
        ServerCase{"back_and_broken", returning, "old", Says::broken, 6s, 1, Kind::ask_old},
        ServerCase{"back_and_broken_for_good", returning, "old", Says::broken, 6s, 3, Kind::mark, failed},
        ServerCase{"not_given_back", returning, "new", Says::runs, 6s, 3, Kind::mark, failed},
        ServerCase{"not_back_in_time", returning, "old", Says::busy, 900s, 1, Kind::mark, failed},
        ServerCase{"of_somebody_else_now", returning, "other", Says::runs, 6s, 1, Kind::mark, failed}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(AfterCheck, a_server_has_until_its_deadline)
{
    ServerFacts facts;
    facts.within = 60s;
    facts.in_state = 59s;
    const Result<void> sick = fail(FailureKind::unavailable, "it answers 500");
    EXPECT_EQ(after_check({}, facts).to, replaced);
    EXPECT_EQ(after_check(sick, facts).kind, Kind::wait);
    facts.in_state = 60s;
    EXPECT_EQ(after_check(sick, facts).to, returning);
    EXPECT_THAT(after_check(sick, facts).why, HasSubstr("it answers 500"));
    EXPECT_EQ(after_check({}, facts).to, replaced) << "healthy at the last moment is healthy";
    facts.in_state = 0s;
    EXPECT_EQ(after_check(fail(FailureKind::invalid, "no port leads there"), facts).to, returning);
    EXPECT_EQ(after_check(fail(FailureKind::not_found, "it is gone"), facts).kind, Kind::wait);
}

TEST(AfterRefusal, waits_for_what_may_pass)
{
    RolloutServer server;
    server.state = replacing;
    ServerFacts facts;
    facts.in_state = 10s;
    EXPECT_EQ(after_refusal(server, {FailureKind::conflict, "busy"}, facts).kind, Kind::wait);
    EXPECT_EQ(after_refusal(server, {FailureKind::invalid, "no"}, facts).to, failed);
    facts.in_state = 15min;
    EXPECT_EQ(after_refusal(server, {FailureKind::conflict, "busy"}, facts).to, failed);
}

Rollout rollout_of(const std::vector<ServerState>& states)
{
    Rollout rollout;
    for (const auto state : states) {
        RolloutServer server;
        server.id = server.name = std::to_string(rollout.servers.size());
        server.state = state;
        server.error = "a reason";
        rollout.servers.push_back(server);
    }
    return rollout;
}

class RolloutStepTest : public testing::Test
{
protected:
    RolloutStep step(const std::vector<ServerState>& states, Order order = Order::none)
    {
        auto rollout = rollout_of(states);
        rollout.order = order;
        return next_step(rollout, facts_);
    }
    RolloutFacts facts_;
};

TEST_F(RolloutStepTest, the_canary_is_alone_then_so_many_at_once_as_may)
{
    facts_.policy.canary = 2;
    facts_.policy.parallel = 3;
    EXPECT_EQ(step({pending, pending, pending}).places, 1U);
    EXPECT_EQ(step({checking, pending, pending}).kind, Step::wait);
    EXPECT_EQ(step({replaced, pending, pending}).places, 1U) << "two canaries";
    EXPECT_EQ(step({replaced, replaced, pending, pending, pending, pending}).places, 3U);
    EXPECT_EQ(step({replaced, replaced, replacing, checking, pending}).places, 1U);
    EXPECT_EQ(step({replaced, replaced, replacing, checking, checking, pending}).kind, Step::wait);
    facts_.policy.canary = 0;
    EXPECT_EQ(step({pending, pending, pending, pending}).places, 3U);
}

TEST_F(RolloutStepTest, ends_when_no_server_is_left)
{
    EXPECT_EQ(step({}).state, RolloutState::succeeded);
    EXPECT_EQ(step({replaced, ServerState::gone, ServerState::pinned}).state, RolloutState::succeeded);
    EXPECT_THAT(step({replaced, ServerState::pinned}).reason, HasSubstr("1 are pinned"));
    EXPECT_EQ(step({replaced, checking}).kind, Step::wait);
}

TEST_F(RolloutStepTest, the_first_failure_ends_it_when_nothing_is_in_flight)
{
    EXPECT_EQ(step({returned, pending}).state, RolloutState::failed);
    EXPECT_EQ(step({failed, pending}).state, RolloutState::failed);
    EXPECT_EQ(step({returning, pending}).kind, Step::wait);
    EXPECT_EQ(step({returned, checking, pending}).kind, Step::wait);
    EXPECT_THAT(step({returned, pending}).reason,
                HasSubstr("server 0 was given its old image back: a reason"));
}

TEST_F(RolloutStepTest, waits_for_windows_pauses_and_people)
{
    facts_.window_open = false;
    EXPECT_EQ(step({pending}).state, RolloutState::waiting);
    EXPECT_EQ(step({checking, pending}).state, RolloutState::replacing) << "what was begun goes on";
    facts_.window_open = true;
    facts_.policy.pause = 30s;
    facts_.since_replaced = 29s;
    EXPECT_EQ(step({pending}).kind, Step::begin) << "nothing was replaced yet";
    EXPECT_EQ(step({replaced, pending}).state, RolloutState::waiting);
    facts_.since_replaced = 30s;
    EXPECT_EQ(step({replaced, pending}).kind, Step::begin);
    EXPECT_EQ(step({replaced, pending}, Order::pause).state, RolloutState::paused);
    EXPECT_EQ(step({replaced, pending}, Order::abort).state, RolloutState::aborted);
    EXPECT_EQ(step({checking, pending}, Order::abort).kind, Step::wait);
    EXPECT_EQ(step({replaced}, Order::abort).state, RolloutState::succeeded)
        << "there is nothing left to abort";
}

TEST_F(RolloutStepTest, a_newer_requirement_ends_it_when_nothing_is_in_flight)
{
    facts_.superseded = "the requirements have changed";
    EXPECT_EQ(step({checking, pending}).kind, Step::wait);
    EXPECT_EQ(step({replaced, pending}).state, RolloutState::superseded);
}

TEST_F(RolloutStepTest, servers_that_are_busy_are_waited_for_but_not_for_ever)
{
    facts_.busy = "server 0 is RESIZE";
    EXPECT_EQ(step({pending}).state, RolloutState::waiting);
    EXPECT_EQ(step({pending}).kind, Step::wait);
    facts_.busy_for = 15min;
    EXPECT_EQ(step({pending}).state, RolloutState::failed);
    EXPECT_EQ(step({checking, pending}).kind, Step::wait);
}

}  // namespace
}  // namespace unikernel
