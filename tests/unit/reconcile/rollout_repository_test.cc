// SPDX-License-Identifier: Apache-2.0
#include "builder_service/reconcile/rollout_repository.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/util/temporary_directory.hh"
#include "tests/unit/database/test_database.hh"

namespace unikernel
{
namespace
{

using namespace std::chrono_literals;
using testing::HasSubstr;

const Scope everything{"", true};

class RolloutRepositoryTest : public test::OnEachEngine
{
protected:
    void SetUp() override { ASSERT_TRUE(*lease_.keep()); }
    Rollout added(const std::string& name, const std::string& project = "")
    {
        Rollout rollout;
        rollout.project = project;
        rollout.name = name;
        rollout.cause = "a reason";
        EXPECT_TRUE(rollouts_.add(lease_, rollout));
        return rollout;
    }

    Lease lease_{*database_, "one", 30s};
    RolloutRepository rollouts_{*database_};
};

TEST_P(RolloutRepositoryTest, keeps_a_rollout_and_its_servers)
{
    auto rollout = added("web");
    RolloutServer server;
    server.id = "s1";
    server.name = "server one";
    server.state = ServerState::checking;
    server.from_image = "old";
    server.was_running = false;
    server.attempts = 2;
    server.started = "2026-01-01T00:00:00.000Z";
    server.error = "it's \"odd\"";
    ASSERT_TRUE(rollouts_.store(lease_, rollout, server));
    server.state = ServerState::replaced;
    server.downtime_ms = 1234;
    ASSERT_TRUE(rollouts_.store(lease_, rollout, server));
    rollout.state = RolloutState::waiting;
    rollout.reason = "a window";
    ASSERT_TRUE(rollouts_.store(lease_, rollout));

    const auto found = rollouts_.find(rollout.id, everything);
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->state, RolloutState::waiting);
    EXPECT_EQ((*found)->reason, "a window");
    ASSERT_EQ((*found)->servers.size(), 1U);
    const auto json = to_json(**found)["servers"][0];
    EXPECT_EQ(json, (nlohmann::json{{"id", "s1"},
                                    {"name", "server one"},
                                    {"state", "replaced"},
                                    {"from_image", "old"},
                                    {"started", "2026-01-01T00:00:00.000Z"},
                                    {"ended", nullptr},
                                    {"downtime_ms", 1234},
                                    {"error", "it's \"odd\""}}));
}

TEST_P(RolloutRepositoryTest, has_one_at_a_time_for_each_line)
{
    auto rollout = added("web");
    Rollout second;
    second.name = "web";
    EXPECT_FALSE(rollouts_.add(lease_, second));
    second.project = "other";
    EXPECT_TRUE(rollouts_.add(lease_, second));
    rollout.state = RolloutState::succeeded;
    ASSERT_TRUE(rollouts_.finish(lease_, rollout, std::nullopt));
    second.project = "";
    EXPECT_TRUE(rollouts_.add(lease_, second));
}

TEST_P(RolloutRepositoryTest, stores_nothing_of_a_leader_of_the_past)
{
    auto rollout = added("web");
    Lease later(*database_, "one", 30s);
    ASSERT_TRUE(*later.keep());
    rollout.state = RolloutState::failed;
    const auto refused = rollouts_.store(lease_, rollout);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("leads no longer"));
    EXPECT_FALSE(rollouts_.store(lease_, rollout, RolloutServer{}));
    EXPECT_FALSE(rollouts_.finish(lease_, rollout, std::nullopt));
    EXPECT_EQ((**rollouts_.find(rollout.id, everything)).state, RolloutState::building);
}

TEST_P(RolloutRepositoryTest, takes_orders_of_the_owner_alone_until_the_end)
{
    auto rollout = added("web", "mine");
    EXPECT_EQ(rollouts_.give_order(rollout.id, {"other", false}, Order::pause).error().kind,
              FailureKind::not_found);
    EXPECT_TRUE(rollouts_.give_order(rollout.id, {"mine", false}, Order::pause));
    EXPECT_EQ((**rollouts_.find(rollout.id, everything)).order, Order::pause);
    ASSERT_TRUE(rollouts_.store(lease_, rollout)) << "of what the leader read before";
    EXPECT_EQ((**rollouts_.find(rollout.id, everything)).order, Order::pause);
    EXPECT_TRUE(rollouts_.give_order(rollout.id, {"mine", false}, Order::none));
    EXPECT_TRUE(rollouts_.give_order(rollout.id, {"mine", false}, Order::abort));
    EXPECT_EQ(rollouts_.give_order(rollout.id, {"mine", false}, Order::none).error().kind,
              FailureKind::conflict);
    rollout.state = RolloutState::aborted;
    ASSERT_TRUE(rollouts_.finish(lease_, rollout, std::nullopt));
    EXPECT_THAT(rollouts_.give_order(rollout.id, {"mine", false}, Order::pause).error().message,
                HasSubstr("it is aborted"));
}

TEST_P(RolloutRepositoryTest, lists_pages_by_state_and_project)
{
    const auto first = added("a", "p");
    const auto second = added("b", "p");
    added("c", "q");
    const auto page = rollouts_.list({"p", false}, std::nullopt, "", 1);
    ASSERT_EQ(page->size(), 1U);
    EXPECT_EQ(page->front().id, second.id);
    const auto next = rollouts_.list({"p", false}, std::nullopt, second.id, 5);
    ASSERT_EQ(next->size(), 1U);
    EXPECT_EQ(next->front().id, first.id);
    EXPECT_EQ(rollouts_.list(everything, RolloutState::building, "", 5)->size(), 3U);
    EXPECT_TRUE(rollouts_.list(everything, RolloutState::failed, "", 5)->empty());
}

TEST_P(RolloutRepositoryTest, forgets_the_oldest_that_ended)
{
    auto old = added("a");
    old.state = RolloutState::succeeded;
    ASSERT_TRUE(rollouts_.finish(lease_, old, std::nullopt));
    const auto active = added("b");
    added("c");
    ASSERT_TRUE(rollouts_.prune(1));
    EXPECT_FALSE(*rollouts_.find(old.id, everything));
    EXPECT_TRUE(*rollouts_.find(active.id, everything)) << "it has not ended";
}

TEST(BackOff, doubles_up_to_an_hour)
{
    EXPECT_EQ(back_off(1), 15s);
    EXPECT_EQ(back_off(2), 30s);
    EXPECT_EQ(back_off(3), 60s);
    EXPECT_EQ(back_off(20), 1h);
    EXPECT_EQ(back_off(2000), 1h);
}

TEST(BackOff, holds_for_what_failed_alone_and_not_for_longer_after_a_jump_of_the_clock)
{
    const BackOff last{
        .request = "r", .failures = 2, .next_try = 100'000, .until_changed = false, .reason = ""};
    EXPECT_TRUE(holds(last, "r", 99'000));
    EXPECT_FALSE(holds(last, "r", 100'000));
    EXPECT_FALSE(holds(last, "another", 99'000));
    EXPECT_TRUE(holds(last, "r", 70'000));
    EXPECT_FALSE(holds(last, "r", 69'000)) << "the clock was put back by more than the whole wait";
    auto aborted = last;
    aborted.until_changed = true;
    EXPECT_TRUE(holds(aborted, "r", 900'000'000));
    EXPECT_FALSE(holds(aborted, "another", 0));
}

INSTANTIATE_TEST_SUITE_P(Engines, RolloutRepositoryTest, test::each_engine, test::engine_name);

}  // namespace
}  // namespace unikernel
