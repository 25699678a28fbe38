// SPDX-License-Identifier: Apache-2.0
// What the loop takes for wanted of a line, from whom, and when nobody can tell.
#include <array>

#include "tests/unit/reconcile/reconciler_fixture.hh"

#include "builder_service/database/timestamp.hh"

namespace unikernel::test
{
namespace
{

using testing::HasSubstr;

constexpr std::array transient{FailureKind::unavailable, FailureKind::no_space, FailureKind::internal};

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
