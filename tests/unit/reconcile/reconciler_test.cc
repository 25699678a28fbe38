// SPDX-License-Identifier: Apache-2.0
// How the loop brings a line and its servers to what is wanted.

#include "tests/unit/reconcile/reconciler_fixture.hh"

#include "builder_service/database/timestamp.hh"

namespace unikernel::test
{
namespace
{

using testing::HasSubstr;

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

}  // namespace
}  // namespace unikernel::test
