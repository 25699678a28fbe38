// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "tests/unit/reconcile/town.hh"

#include "builder_service/database/timestamp.hh"

namespace unikernel::test
{
namespace
{

using testing::HasSubstr;

class ReconcilerTest : public Town
{
protected:
    /// A line with servers on its image, and then a requirement that makes it outdated.
    void outdated_line(const std::vector<std::string>& servers)
    {
        old_ = built("web");
        for (const auto& id : servers)
            fleet.add(id, old_);
        one_ = process();
        settle(*one_);
        ASSERT_TRUE(all_rollouts().empty()) << "there is nothing to do yet";
        require("secure", 1);
    }
    /// Passes at which nobody can tell what is wanted.
    void trouble_comes_and_goes(FailureKind kind)
    {
        trouble = Failure{kind, "repository house cannot be used"};
        for (int n = 0; n < 3; ++n) {
            ASSERT_TRUE(one_->loop.pass(true, {}));
            hands.pass(10s);
        }
        trouble.reset();
    }
    std::string standing_of(const std::string& server)
    {
        std::string state;
        EXPECT_TRUE(database->transact(false, [&](soci::session& sql) {
            sql << "SELECT state FROM server_standings WHERE server = :id", soci::use(server),
                soci::into(state);
        }));
        return state;
    }
    std::string old_;
    std::unique_ptr<Process> one_;
};

constexpr std::array transient{FailureKind::unavailable, FailureKind::no_space, FailureKind::internal};

TEST_F(ReconcilerTest, leaves_alone_what_is_as_wanted)
{
    const auto image = built("web");
    fleet.add("a", image);
    const auto one = process();
    for (int n = 0; n < 3; ++n)
        EXPECT_EQ(*one->loop.pass(true, {}), RolloutDriver::Next::idle);
    EXPECT_TRUE(all_rollouts().empty());
    EXPECT_EQ(submitted, 0);
}

TEST_F(ReconcilerTest, makes_a_new_image_when_a_requirement_comes)
{
    outdated_line({});
    settle(*one_);
    const auto [state, reason, rollout] = newest();
    EXPECT_EQ(state, "succeeded") << reason;
    EXPECT_EQ(rollout.image, head_of("web"));
    EXPECT_NE(rollout.image, old_);
    EXPECT_EQ(rollout.requirements, (nlohmann::json{{{"requirement", "secure"},
                                                     {"revision", 1},
                                                     {"project", nullptr},
                                                     {"domain", nullptr},
                                                     {"new", true}}}));
    EXPECT_THAT(rollout.cause, HasSubstr("plan"));
    settle(*one_);
    EXPECT_EQ(submitted, 1) << "once is enough";
}

TEST_F(ReconcilerTest, replaces_servers_one_after_another_and_checks_each)
{
    outdated_line({"a", "b", "c"});
    settle(*one_);
    const auto [state, reason, rollout] = newest();
    EXPECT_EQ(state, "succeeded") << reason;
    EXPECT_EQ(reason, "3 servers run the new image");
    for (const auto* id : {"a", "b", "c"}) {
        EXPECT_EQ(fleet.at(id).image, head_of("web"));
        EXPECT_EQ(server_of(rollout, id).state, ServerState::replaced);
        EXPECT_EQ(server_of(rollout, id).from_image, old_);
        EXPECT_GT(server_of(rollout, id).downtime_ms, 0);
    }
    EXPECT_EQ(fleet.asked.size(), 3U);
    EXPECT_EQ(fleet.at_work, 1);
    EXPECT_GE(fleet.checks, 3);
}

TEST_F(ReconcilerTest, stops_at_the_first_server_that_is_not_healthy_and_gives_its_image_back)
{
    outdated_line({"a", "b", "c"});
    ASSERT_TRUE(one_->loop.pass(true, {}));
    work();
    fleet.sick.insert(head_of("web"));
    settle(*one_, 100, 5s);
    const auto [state, reason, rollout] = newest();
    EXPECT_EQ(state, "failed");
    EXPECT_EQ(reason,
              "server a was given its old image back: not healthy within 60 s: console \"u0: sealed\":"
              " it answers 500; no further server is touched");
    for (const auto* id : {"a", "b", "c"}) {
        EXPECT_EQ(fleet.at(id).image, old_);
        EXPECT_TRUE(fleet.at(id).running);
    }
    EXPECT_EQ(server_of(rollout, "a").state, ServerState::returned);
    EXPECT_EQ(server_of(rollout, "b").state, ServerState::pending);
}

TEST_F(ReconcilerTest, tries_again_after_a_failure_later_and_later)
{
    outdated_line({"a"});
    ASSERT_TRUE(one_->loop.pass(true, {}));
    work();
    fleet.sick.insert(head_of("web"));
    settle(*one_, 100, 5s);
    EXPECT_EQ(all_rollouts().size(), 1U);
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(all_rollouts().size(), 1U) << "not at once";
    hands.pass(16s);
    settle(*one_, 100, 5s);
    EXPECT_EQ(all_rollouts().size(), 2U);
    hands.pass(16s);
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(all_rollouts().size(), 2U) << "the second wait is longer";
    EXPECT_EQ(submitted, 1) << "the image is there";
    fleet.sick.clear();
    hands.pass(30s);
    settle(*one_);
    EXPECT_EQ(newest().state, "succeeded");
    EXPECT_FALSE(*rollouts.find_back_off("", "web"));
}

TEST_F(ReconcilerTest, a_changed_requirement_does_not_wait_for_what_failed)
{
    outdated_line({});
    ASSERT_TRUE(one_->loop.pass(true, {}));
    work(BuildState::compile_failed);
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(newest().state, "failed");
    EXPECT_THAT(newest().reason, HasSubstr("ended compile-failed: it does not compile"));
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(all_rollouts().size(), 1U);
    require("secure", 2);
    settle(*one_);
    EXPECT_EQ(newest().state, "succeeded");
    EXPECT_EQ(all_rollouts().size(), 2U);
}

TEST_F(ReconcilerTest, says_once_that_what_is_wanted_cannot_be_made)
{
    outdated_line({"a"});
    unresolvable = true;
    for (int n = 0; n < 5; ++n) {
        ASSERT_TRUE(one_->loop.pass(true, {}));
        hands.pass(2h);
    }
    EXPECT_EQ(all_rollouts().size(), 1U);
    EXPECT_EQ(newest().state, "failed");
    EXPECT_THAT(newest().reason, HasSubstr("modules cannot be combined"));
    EXPECT_EQ(submitted, 0);
    EXPECT_EQ(fleet.at("a").image, old_);
    unresolvable = false;
    settle(*one_);
    EXPECT_EQ(newest().state, "succeeded");
}

TEST_F(ReconcilerTest, a_paused_rollout_stays_paused_while_nobody_knows_what_is_wanted)
{
    outdated_line({"a"});
    ASSERT_TRUE(one_->loop.pass(true, {}));
    ASSERT_TRUE(rollouts.give_order(newest().rollout.id, {"", true}, Order::pause));
    for (const auto kind : transient)
        trouble_comes_and_goes(kind);
    EXPECT_EQ((*builds.find(newest().rollout.build, {"", true}))->state, BuildState::queued)
        << "nor is its build cancelled";
    work();
    for (const auto kind : transient)
        trouble_comes_and_goes(kind);
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(all_rollouts().size(), 1U);
    EXPECT_EQ(newest().state, "paused") << newest().reason;
    EXPECT_TRUE(fleet.asked.empty());
}

TEST_F(ReconcilerTest, an_aborted_rollout_does_not_come_back_after_nobody_knew_what_is_wanted)
{
    outdated_line({"a"});
    ASSERT_TRUE(one_->loop.pass(true, {}));
    ASSERT_TRUE(rollouts.give_order(newest().rollout.id, {"", true}, Order::abort));
    ASSERT_TRUE(one_->loop.pass(true, {}));
    ASSERT_EQ(newest().state, "aborted");
    for (const auto kind : transient)
        trouble_comes_and_goes(kind);
    hands.pass(3h);
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(all_rollouts().size(), 1U) << newest().reason;
    EXPECT_TRUE(fleet.asked.empty());
}

TEST_F(ReconcilerTest, no_server_is_begun_with_while_nobody_knows_the_windows)
{
    const nlohmann::json at_night = {{"windows", {{{"from", "02:00"}, {"to", "03:00"}}}}};
    outdated_line({"a"});
    require("secure", 1, at_night);
    ASSERT_TRUE(one_->loop.pass(true, {}));
    work();
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(newest().reason, "no maintenance window is open");
    trouble = Failure{FailureKind::internal, "console/module.yaml: line 3 is cut off"};
    for (int n = 0; n < 3; ++n) {
        ASSERT_EQ(*one_->loop.pass(true, {}), RolloutDriver::Next::idle);
        hands.pass(1s);
    }
    EXPECT_EQ(newest().state, "waiting");
    EXPECT_EQ(newest().reason, "it is not known now what is wanted: console/module.yaml: line 3 is cut off");
    EXPECT_TRUE(fleet.asked.empty());
    trouble.reset();
    hands.pass(12h);
    settle(*one_);
    EXPECT_EQ(newest().state, "succeeded") << newest().reason;
    EXPECT_EQ(all_rollouts().size(), 1U);
}

TEST_F(ReconcilerTest, no_server_is_called_healthy_while_nobody_knows_what_it_must_show)
{
    outdated_line({"a", "b"});
    require("secure", 1, {{"health", {{{"http", {{"port", 80}}}}}}});
    while (fleet.asked.empty()) {
        ASSERT_TRUE(one_->loop.pass(true, {}));
        work();
    }
    trouble = Failure{FailureKind::internal, "console/module.yaml: line 3 is cut off"};
    fleet.tick();
    for (int n = 0; n < 3; ++n) {
        ASSERT_TRUE(one_->loop.pass(true, {}));
        hands.pass(5min);
    }
    EXPECT_EQ(fleet.checks, 0);
    EXPECT_EQ(server_of(newest().rollout, "a").state, ServerState::checking);
    EXPECT_EQ(fleet.at("b").image, old_);
    trouble.reset();
    settle(*one_);
    EXPECT_EQ(newest().state, "succeeded") << newest().reason;
    EXPECT_EQ(fleet.checks, 2);
}

TEST_F(ReconcilerTest, a_server_is_in_compliance_still_while_nobody_knows_what_is_wanted)
{
    fleet.add("a", built("web"));
    one_ = process();
    settle(*one_);
    ASSERT_EQ(standing_of("a"), "in");
    trouble = Failure{FailureKind::unavailable, "repository house cannot be used"};
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(standing_of("a"), "in");
    EXPECT_TRUE(all_rollouts().empty());
    trouble.reset();
    unresolvable = true;
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(standing_of("a"), "out") << "of this somebody is certain";
}

TEST_F(ReconcilerTest, a_requirement_withdrawn_in_the_middle_takes_the_servers_back)
{
    outdated_line({"a", "b"});
    while (fleet.at("a").image == old_ || !fleet.at("a").settled) {
        ASSERT_TRUE(one_->loop.pass(true, {}));
        work();
        fleet.tick();
    }
    withdraw("secure");
    settle(*one_);
    const auto all = all_rollouts();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(to_string(all[1].state), "superseded") << all[1].reason;
    EXPECT_EQ(to_string(all[0].state), "succeeded") << all[0].reason;
    EXPECT_EQ(fleet.at("a").image, old_);
    EXPECT_EQ(fleet.at("b").image, old_);
    EXPECT_EQ(head_of("web"), old_) << "the same plan is the same image";
}

TEST_F(ReconcilerTest, a_newer_requirement_supersedes_the_rollout_and_its_build)
{
    outdated_line({"a"});
    ASSERT_TRUE(one_->loop.pass(true, {}));
    const auto first = newest().rollout;
    require("secure", 2);
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ((*builds.find(first.build, {"", true}))->state, BuildState::cancelled);
    settle(*one_);
    const auto all = all_rollouts();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[1].state, RolloutState::superseded);
    EXPECT_EQ(all[0].state, RolloutState::succeeded);
    EXPECT_EQ(fleet.asked.size(), 1U);
}

TEST_F(ReconcilerTest, never_touches_a_pinned_server_and_says_so)
{
    outdated_line({"a", "b"});
    fleet.at("a").pinned = true;
    settle(*one_);
    EXPECT_EQ(newest().state, "succeeded");
    EXPECT_THAT(newest().reason, HasSubstr("1 are pinned"));
    EXPECT_EQ(server_of(newest().rollout, "a").state, ServerState::pinned);
    EXPECT_EQ(fleet.at("a").image, old_);
    for (const auto& [id, image] : fleet.asked)
        EXPECT_NE(id, "a");
    settle(*one_);
    EXPECT_EQ(all_rollouts().size(), 1U) << "a pinned server is no reason to begin";
    fleet.at("a").pinned = false;
    settle(*one_);
    EXPECT_EQ(fleet.at("a").image, head_of("web"));
}

TEST_F(ReconcilerTest, never_resurrects_a_deleted_server)
{
    outdated_line({"a", "b", "c"});
    while (newest().rollout.servers.size() != 3) {
        ASSERT_TRUE(one_->loop.pass(true, {}));
        work();
    }
    fleet.remove("a");  // it is being replaced
    fleet.remove("b");  // its turn has not come
    settle(*one_);
    EXPECT_EQ(newest().state, "succeeded") << newest().reason;
    EXPECT_EQ(server_of(newest().rollout, "a").state, ServerState::gone);
    EXPECT_EQ(server_of(newest().rollout, "b").state, ServerState::gone);
    EXPECT_FALSE(fleet.has("a") || fleet.has("b"));
    EXPECT_EQ(fleet.at("c").image, head_of("web"));
}

TEST_F(ReconcilerTest, looks_anew_at_a_server_that_somebody_else_rebuilt)
{
    const auto other = built("other");
    outdated_line({"a", "b", "c"});
    while (newest().rollout.servers.size() != 3) {
        ASSERT_TRUE(one_->loop.pass(true, {}));
        work();
    }
    fleet.add("b", other);           // it is of another line now
    fleet.add("c", head_of("web"));  // and this one needs nothing
    settle(*one_);
    const auto rollout = [&] {
        for (const auto& each : all_rollouts())
            if (each.name == "web")
                return each;
        return Rollout{};
    }();
    EXPECT_EQ(rollout.state, RolloutState::succeeded) << rollout.reason;
    EXPECT_EQ(server_of(rollout, "b").state, ServerState::gone);
    EXPECT_EQ(server_of(rollout, "c").state, ServerState::replaced);
    EXPECT_EQ(fleet.at("b").image, head_of("other"));
}

TEST_F(ReconcilerTest, a_server_that_appears_in_the_middle_is_replaced_too)
{
    outdated_line({"a"});
    while (newest().rollout.servers.empty()) {
        ASSERT_TRUE(one_->loop.pass(true, {}));
        work();
    }
    fleet.add("late", old_);
    settle(*one_);
    EXPECT_EQ(fleet.at("late").image, head_of("web"));
    EXPECT_EQ(all_rollouts().size(), 1U);
}

TEST_F(ReconcilerTest, moves_a_server_that_was_begun_with_an_outdated_image)
{
    outdated_line({});
    settle(*one_);
    fleet.add("late", old_);
    settle(*one_);
    EXPECT_EQ(fleet.at("late").image, head_of("web"));
    EXPECT_EQ(newest().rollout.build, newest().rollout.from_build) << "the image is there; nothing is built";
    EXPECT_EQ(submitted, 1);
}

TEST_F(ReconcilerTest, gives_the_old_image_back_to_a_server_that_does_not_start)
{
    outdated_line({"a", "b"});
    ASSERT_TRUE(one_->loop.pass(true, {}));
    work();
    fleet.breaks_with = head_of("web");
    settle(*one_);
    EXPECT_EQ(newest().state, "failed");
    EXPECT_THAT(newest().reason, HasSubstr("No valid host"));
    EXPECT_EQ(fleet.at("a").image, old_);
    EXPECT_TRUE(fleet.at("a").running);
}

TEST_F(ReconcilerTest, a_fleet_that_refuses_for_good_fails_the_rollout_and_touches_nothing)
{
    outdated_line({"a", "b"});
    fleet.refusal = Failure{FailureKind::invalid, "the flavor is too small"};
    settle(*one_);
    EXPECT_EQ(newest().state, "failed");
    EXPECT_THAT(newest().reason, HasSubstr("server a failed: the flavor is too small"));
    EXPECT_EQ(fleet.at("a").image, old_);
}

TEST_F(ReconcilerTest, a_server_whose_health_cannot_be_checked_is_not_touched)
{
    outdated_line({"a", "b", "stopped"});
    fleet.uncheckable = {"a", "stopped"};
    fleet.at("stopped").running = false;
    fleet.at("stopped").status = "SHUTOFF";
    for (int n = 0; n < 40; ++n) {
        ASSERT_TRUE(one_->loop.pass(true, {}));
        work();
        fleet.tick();
        hands.pass(1s);
    }
    EXPECT_EQ(newest().state, "waiting");
    EXPECT_THAT(newest().reason,
                HasSubstr("server a is not touched, because its health could not be checked: "
                          "console \"u0: sealed\": no network is allowed for checks"));
    EXPECT_EQ(fleet.at("a").image, old_);
    EXPECT_EQ(fleet.at("b").image, head_of("web")) << "others need not wait for it";
    EXPECT_EQ(fleet.at("stopped").image, head_of("web")) << "what is stopped is not checked";
    hands.pass(15min);
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(newest().state, "failed");
    EXPECT_THAT(newest().reason, HasSubstr("no network is allowed for checks, and stays so"));
    for (const auto& [id, image] : fleet.asked)
        EXPECT_TRUE(id != "a" && image != old_) << id << " was given " << image;
    fleet.uncheckable.clear();
    hands.pass(1h);
    settle(*one_);
    EXPECT_EQ(newest().state, "succeeded") << newest().reason;
    EXPECT_EQ(fleet.at("a").image, head_of("web"));
}

TEST_F(ReconcilerTest, a_fleet_that_is_away_is_waited_for)
{
    outdated_line({"a"});
    fleet.away = true;
    for (int n = 0; n < 5; ++n) {
        ASSERT_TRUE(one_->loop.pass(true, {}));
        work();
        hands.pass(10s);
    }
    EXPECT_EQ(newest().state, "waiting");
    EXPECT_THAT(newest().reason, HasSubstr("the fleet is away"));
    fleet.away = false;
    settle(*one_);
    EXPECT_EQ(fleet.at("a").image, head_of("web"));
}

TEST_F(ReconcilerTest, a_server_that_was_busy_before_a_pause_and_is_again_was_not_busy_all_the_time)
{
    outdated_line({"a"});
    ASSERT_TRUE(one_->loop.pass(true, {}));
    work();
    const auto be_busy = [&](bool busy) {
        fleet.at("a").status = busy ? "RESIZE" : "ACTIVE";
        fleet.at("a").settled = !busy;
    };
    be_busy(true);
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(newest().reason, "server a is RESIZE");
    const auto id = newest().rollout.id;
    ASSERT_TRUE(rollouts.give_order(id, {"", true}, Order::pause));
    ASSERT_TRUE(one_->loop.pass(true, {}));
    hands.pass(24h);
    ASSERT_TRUE(rollouts.give_order(id, {"", true}, Order::none));
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(newest().state, "waiting") << newest().reason;
    hands.pass(16min);
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(newest().state, "failed");
    EXPECT_THAT(newest().reason, HasSubstr("server a is RESIZE, and stays so"));
}

TEST_F(ReconcilerTest, a_stopped_server_is_replaced_and_stays_stopped)
{
    outdated_line({"a"});
    fleet.at("a").running = false;
    fleet.at("a").status = "SHUTOFF";
    ASSERT_TRUE(one_->loop.pass(true, {}));
    work();
    ASSERT_TRUE(one_->loop.pass(true, {}));
    fleet.at("a").status = "SHUTOFF";
    fleet.at("a").settled = true;
    settle(*one_);
    EXPECT_EQ(newest().state, "succeeded");
    EXPECT_FALSE(fleet.at("a").running);
    EXPECT_EQ(fleet.checks, 0);
}

TEST_F(ReconcilerTest, follows_what_the_requirements_say_of_rollouts_together)
{
    built("web");
    require("console", 1);
    one_ = process();
    const auto policy = [&] { return one_->lines.look()->at(0).wish->policy; };
    EXPECT_EQ(policy(), RolloutPolicy{});
    require("console", 1, {{"canary", 0}, {"parallel", 10}, {"pause", "30s"}});
    EXPECT_EQ(policy().parallel, 10U) << "one that says nothing of it sets no limit";
    require("careful", 1, {{"canary", 2}, {"parallel", 3}});
    EXPECT_EQ(policy().canary, 2U);
    EXPECT_EQ(policy().parallel, 3U);
    EXPECT_EQ(policy().pause, 30s);
    require("canaries", 1, {{"canary", 4}});
    EXPECT_EQ(policy().canary, 4U);
    EXPECT_EQ(policy().parallel, 3U) << "not the default of what this one leaves out";
    EXPECT_EQ(policy().within, 60s);
}

TEST_F(ReconcilerTest, a_project_cannot_put_off_what_is_imposed_on_it)
{
    const auto hindrance = [](const std::string& name, const std::string& from, const std::string& to) {
        return nlohmann::json{
            {"name", name},
            {"applies_to", {{"everything", true}}},
            {"modules", {{"lwip", {{"mtu", from}}}}},
            {"rollout",
             {{"windows", {{{"from", from}, {"to", to}}}}, {"health", {{{"tcp", {{"port", 9}}}}}}}}};
    };
    auto build = order("web");
    build.id = new_id();
    build.requirements = {hindrance("given", "02:00", "03:00")};
    ASSERT_TRUE(builds.add(build));
    work();
    old_ = head_of("web");
    fleet.add("a", old_);
    one_ = process();
    const RequirementScope ours{"", ""};
    ASSERT_TRUE(requirements.create(ours, hindrance("own", "04:00", "05:00"), {""}));
    for (int n = 0; n < 3; ++n) {
        ASSERT_TRUE(one_->loop.pass(true, {}));
        work();
    }
    EXPECT_EQ(newest().reason, "no maintenance window is open") << "its own may wait for ever";
    require("secure", 1, {{"canary", 3}});
    settle(*one_);
    EXPECT_EQ(newest().state, "succeeded") << newest().reason;
    EXPECT_NE(imposed(newest().rollout), nullptr);
    EXPECT_EQ(fleet.at("a").image, head_of("web"));
    const auto wish = one_->lines.look()->at(0).wish.value();
    EXPECT_EQ(wish.policy.windows.size(), 2U);
    EXPECT_EQ(wish.policy.health.size(), 1U);
    RolloutPolicy global;
    global.canary = 3;
    EXPECT_EQ(wish.imposed_policy, global);
}

TEST_F(ReconcilerTest, renews_an_image_that_is_sealed_for_longer_than_it_may_be_by_now)
{
    limit("fresh", "30d");
    const auto old = built("web");
    fleet.add("a", old);
    one_ = process();
    settle(*one_);
    ASSERT_TRUE(all_rollouts().empty());
    limit("fresh", "7d");
    settle(*one_);
    EXPECT_EQ(newest().state, "succeeded") << newest().reason;
    EXPECT_THAT(newest().rollout.cause, HasSubstr("for longer than the requirements allow now"));
    EXPECT_EQ(fleet.at("a").image, head_of("web"));
    EXPECT_NE(fleet.at("a").image, old);
    fleet.add("late", old);
    settle(*one_);
    EXPECT_EQ(fleet.at("late").image, head_of("web")) << "of the same plan, and valid for too long";
    EXPECT_EQ(submitted, 1);
    limit("fresh", "14d");
    settle(*one_);
    EXPECT_EQ(submitted, 1) << "one that lives for shorter than it may is as good";
}

TEST_F(ReconcilerTest, a_rollout_is_imposed_if_an_administrators_requirement_is_new_in_it)
{
    require("of-all", 7);  // without a project: global
    outdated_line({"a"});
    const RequirementScope ours{"", ""};
    ASSERT_TRUE(requirements.create(
        ours, {{"name", "own"}, {"applies_to", {{"everything", true}}}, {"modules", {{"lwip", nullptr}}}},
        {""}));
    settle(*one_);
    const auto first = newest().rollout;
    ASSERT_NE(imposed(first), nullptr) << first.requirements;
    EXPECT_EQ((*imposed(first))["requirement"], "secure") << "of-all was there before";
    const auto current = requirements.find(ours, "own");
    ASSERT_TRUE(requirements.remove(*current, {""}));
    settle(*one_);
    EXPECT_EQ(all_rollouts().size(), 2U);
    EXPECT_EQ(imposed(newest().rollout), nullptr) << newest().rollout.requirements;
    fleet.add("late", old_);
    settle(*one_);
    EXPECT_EQ(all_rollouts().size(), 3U);
    EXPECT_NE(imposed(newest().rollout), nullptr) << "this one brings it to a server of the old image";
}

TEST_F(ReconcilerTest, plans_anew_only_what_something_changed_for)
{
    for (const auto* name : {"web", "db"})
        built(name);
    require("secure", 1);
    one_ = process();
    settle(*one_);
    const auto look = [&] { return one_->lines.look().value(); };
    look();
    plans = 0;
    look();
    EXPECT_EQ(plans, 0) << "nothing changed";
    const RequirementScope ours{"", ""};
    const nlohmann::json document = {
        {"name", "of-web"}, {"applies_to", {{"images", {"web"}}}}, {"modules", {{"lwip", nullptr}}}};
    ASSERT_TRUE(requirements.create(ours, document, {""}));
    auto lines = look();
    EXPECT_EQ(plans, 1) << "for web alone";
    EXPECT_EQ(std::count_if(lines.begin(), lines.end(), [](auto& each) { return !each.outdated.empty(); }),
              1);
    unresolvable = true;
    lines = look();
    EXPECT_EQ(plans, 3) << "other modules concern all";
    EXPECT_FALSE(lines.at(0).wish->plan_digest);
    unresolvable = false;
    lines = look();
    EXPECT_TRUE(lines.at(0).wish->plan_digest);
    settle(*one_);
    look();
    plans = 0;
    look();
    EXPECT_EQ(plans, 0) << "another head's plan is kept as well";
}

TEST_F(ReconcilerTest, a_requirement_that_begins_to_hold_is_seen_when_it_does)
{
    built("web");
    one_ = process();
    const auto begin = std::chrono::ceil<std::chrono::seconds>(hands.wall + 1h);
    ASSERT_TRUE(requirements.create({},
                                    {{"name", "later"},
                                     {"applies_to", {{"everything", true}}},
                                     {"valid_from", to_rfc3339(begin)},
                                     {"modules", {{"lwip", nullptr}}}},
                                    {""}));
    settle(*one_);
    hands.pass(50min);
    settle(*one_);
    EXPECT_TRUE(all_rollouts().empty());
    hands.pass(11min);
    settle(*one_);
    EXPECT_EQ(newest().state, "succeeded");
    EXPECT_EQ(all_rollouts().size(), 1U);
}

TEST_F(ReconcilerTest, the_end_that_a_specification_sets_itself_is_looked_at_each_time)
{
    auto build = order("web");
    build.spec["modules"] = {{"validity", {{"not_after", 1}}}};
    build.id = new_id();
    ASSERT_TRUE(builds.add(build));
    work();
    one_ = process();
    settle(*one_);
    plans = 0;
    one_->lines.look().value();
    EXPECT_EQ(plans, 1) << "whether that or a requirement's validity holds depends on the time";
}

TEST_F(ReconcilerTest, obeys_people)
{
    outdated_line({"a", "b"});
    ASSERT_TRUE(one_->loop.pass(true, {}));
    const auto id = newest().rollout.id;
    ASSERT_TRUE(rollouts.give_order(id, {"", true}, Order::pause));
    for (int n = 0; n < 5; ++n) {
        ASSERT_TRUE(one_->loop.pass(true, {}));
        work();
        fleet.tick();
    }
    EXPECT_EQ(newest().state, "paused");
    EXPECT_TRUE(fleet.asked.empty());
    ASSERT_TRUE(rollouts.give_order(id, {"", true}, Order::none));
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(fleet.asked.size(), 1U);
    ASSERT_TRUE(rollouts.give_order(id, {"", true}, Order::abort));
    settle(*one_);
    EXPECT_EQ(newest().state, "aborted");
    EXPECT_EQ(server_of(newest().rollout, "a").state, ServerState::replaced) << "what was begun is ended";
    EXPECT_EQ(fleet.at("b").image, old_);
    hands.pass(3h);
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(all_rollouts().size(), 1U) << "not again by itself";
    require("secure", 2);
    settle(*one_);
    EXPECT_EQ(newest().state, "succeeded");
}

TEST_F(ReconcilerTest, an_authors_own_build_comes_first)
{
    outdated_line({"a"});
    const auto theirs = order("web", new_id(), "v2").id;
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(submitted, 0);
    EXPECT_THAT(newest().reason, HasSubstr("a build of web waits or runs"));
    settle(*one_);
    EXPECT_EQ((*builds.heads({"", true}))[0].bundle, "sha256:v2") << "their source is not lost";
    EXPECT_EQ(fleet.at("a").image, head_of("web"));
    EXPECT_EQ(submitted, 0) << "their build was made with the requirement already";
}

TEST_F(ReconcilerTest, makes_so_many_images_at_once_as_it_may)
{
    for (const auto* name : {"a", "b", "c", "d", "e"})
        built(name);
    one_ = process();
    settle(*one_);
    require("secure", 1);
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(*builds.count(BuildState::queued), 2U);
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(*builds.count(BuildState::queued), 2U);
    work();
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(*builds.count(BuildState::queued), 2U);
    settle(*one_);
    EXPECT_EQ(submitted, 5);
}

TEST_F(ReconcilerTest, clocks_that_jump_neither_skip_a_health_check_nor_stall)
{
    outdated_line({"a", "b"});
    hands.wall += 24h;
    ASSERT_TRUE(one_->loop.pass(true, {}));
    work();
    ASSERT_TRUE(one_->loop.pass(true, {}));
    hands.wall += 24h;  // it is being replaced: not late for that
    fleet.sick.insert(head_of("web"));
    fleet.tick();
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_EQ(server_of(newest().rollout, "a").state, ServerState::checking);
    EXPECT_EQ(fleet.checks, 1);
    hands.wall -= 72h;
    fleet.sick.clear();
    settle(*one_);
    EXPECT_EQ(newest().state, "succeeded");
    EXPECT_EQ(fleet.checks, 3);
}

TEST_F(ReconcilerTest, with_glance_a_build_that_was_not_published_changes_nothing_for_servers)
{
    glance = true;
    old_ = built("web");
    fleet.add("a", old_);
    one_ = process();
    settle(*one_);
    order("web", new_id(), "v2", false);
    work();
    require("secure", 1);
    settle(*one_);
    EXPECT_EQ(newest().state, "succeeded") << newest().reason;
    EXPECT_EQ(fleet.at("a").image, head_of("web"));
    EXPECT_NE(fleet.at("a").image, old_);
    EXPECT_EQ((*builds.find(newest().rollout.build, {"", true}))->bundle, "sha256:v1");
}

TEST_F(ReconcilerTest, servers_of_an_image_that_glance_imported_are_replaced_too)
{
    glance = true;
    const auto id = order("web", new_id(), "v1", false).id;
    work();
    fleet.add("a", "imported");
    one_ = process();
    settle(*one_);
    EXPECT_EQ(standing_of("a"), "unknown") << "the import has not ended yet";
    imported[id] = {
        .name = "Web", .visibility = "shared", .image_id = "imported", .state = PublishState::active};
    hands.pass(10s);
    settle(*one_);
    EXPECT_EQ(standing_of("a"), "in");
    require("secure", 1);
    settle(*one_);
    EXPECT_EQ(newest().state, "succeeded") << newest().reason;
    EXPECT_EQ(fleet.at("a").image, head_of("web"));
    const auto build = **builds.find(newest().rollout.build, {"", true});
    ASSERT_TRUE(build.publish);
    EXPECT_EQ(build.publish->name, "Web");
    EXPECT_EQ(build.publish->visibility, "shared");
}

TEST_F(ReconcilerTest, glance_is_asked_ever_more_rarely_whether_it_imported_an_image)
{
    glance = true;
    order("web", new_id(), "v1", false);
    work();
    one_ = process();
    const auto questions_of_a_day = [&] {
        const auto before = import_questions;
        for (int n = 0; n < 24 * 6; ++n) {
            EXPECT_TRUE(one_->loop.pass(true, {}));
            hands.pass(10min);
        }
        return import_questions - before;
    };
    EXPECT_LT(questions_of_a_day(), 30);
    const auto second = questions_of_a_day();
    EXPECT_GT(second, 0);
    EXPECT_LT(second, 6);
}

TEST_F(ReconcilerTest, renews_once_also_if_the_time_comes_while_it_looks)
{
    const auto image = built("web");
    auto head = builds.heads({"", true})->front();
    const auto made = *parse_timestamp(head.created);
    head.not_after = timestamp(made + 1h);
    ASSERT_TRUE(builds.set_image(head));
    fleet.add("a", image);
    hands.wall = made + 45min - 1ms;
    fleet.on_list = [&] { hands.pass(10ms); };
    one_ = process();
    ASSERT_TRUE(one_->loop.pass(true, {}));
    EXPECT_TRUE(all_rollouts().empty()) << newest().rollout.cause;
    ASSERT_TRUE(one_->loop.pass(true, {}));
    ASSERT_EQ(all_rollouts().size(), 1U);
    EXPECT_THAT(newest().rollout.cause, HasSubstr("is valid until"));
}

}  // namespace
}  // namespace unikernel::test
