// SPDX-License-Identifier: Apache-2.0
// The loop is killed at each of its steps; there are two loops; there are very many requirements.
#include <thread>

#include "tests/unit/reconcile/town.hh"

namespace unikernel::test
{
namespace
{

class ReconcilerFaultsTest : public Town
{
protected:
    void begin()
    {
        death.never();
        old_ = built("web");
        for (const auto* id : {"a", "b", "deleted", "pinned"})
            fleet.add(id, old_);
        fleet.at("pinned").pinned = true;
        first_ = process();
        settle(*first_);
        require("secure", 1);
    }
    /// Of the first process, until nothing is on its way. True: it died.
    bool live(int at, Death::When when)
    {
        for (int n = 0; n < 60; ++n) {
            death.come(at - counted_, when);
            [[maybe_unused]] const auto next = first_->loop.pass(true, {});
            if (death.dead()) {
                death.never();
                return true;
            }
            counted_ += death.count();
            death.never();
            between();
            if (rollouts.active()->empty())
                return false;
        }
        ADD_FAILURE() << "it did not end";
        return false;
    }
    void between()
    {
        work();
        fleet.tick();
        hands.pass(1s);
        if (newest().rollout.servers.size() == 4)
            fleet.remove("deleted");
    }
    /// What must be true in the end, wherever it was killed.
    void expect_order()
    {
        const auto heads = *builds.heads({"", true});
        ASSERT_EQ(heads.size(), 1U);
        const auto all = *builds.list({"", true}, "", 100);
        EXPECT_EQ(all.size(), 2U) << "one build for each plan";
        EXPECT_EQ(submitted, 1);
        const auto image = heads[0].image;
        EXPECT_NE(image, old_);
        EXPECT_EQ(fleet.at("pinned").image, old_);
        EXPECT_FALSE(fleet.has("deleted"));
        for (const auto* id : {"a", "b"}) {
            EXPECT_EQ(fleet.at(id).image, image) << id;
            EXPECT_TRUE(fleet.at(id).settled && fleet.at(id).running) << id;
            EXPECT_EQ(std::count(fleet.asked.begin(), fleet.asked.end(), std::pair(std::string(id), image)),
                      1)
                << id << " was replaced once";
        }
        for (const auto& [id, to] : fleet.asked)
            EXPECT_NE(id, "pinned");
        ASSERT_EQ(all_rollouts().size(), 1U);
        const auto& rollout = newest().rollout;
        EXPECT_EQ(newest().state, "succeeded") << rollout.reason;
        EXPECT_EQ(server_of(rollout, "a").state, ServerState::replaced);
        EXPECT_EQ(server_of(rollout, "b").state, ServerState::replaced);
        EXPECT_EQ(server_of(rollout, "pinned").state, ServerState::pinned);
    }
    std::string old_;
    std::unique_ptr<Process> first_;
    int counted_ = 0;  ///< operations of the passes that ended
};

/// One life from its begin, killed at operation `at`, and gone on with by another process. False: it ended
/// before it had so many operations.
class Life : public ReconcilerFaultsTest
{
public:
    void TestBody() override {}
    bool run(int at, Death::When when, const std::string& heir)
    {
        SetUp();
        begin();
        const bool died = live(at, when);
        const auto second = process(heir);
        if (heir != "one")
            hands.pass(31s);  // until the lease has run out
        for (int n = 0; n < 60 && (n == 0 || !rollouts.active()->empty()); ++n) {
            const auto next = second->loop.pass(true, {});
            EXPECT_TRUE(next) << next.error().message;
            between();
        }
        settle(*second);
        expect_order();
        return died;
    }
};

void walk(Death::When when, const std::string& heir)
{
    int at = 1;
    for (;; ++at) {
        SCOPED_TRACE("killed at operation " + std::to_string(at));
        Life life;
        if (!life.run(at, when, heir) || testing::Test::HasFailure())
            break;
    }
    EXPECT_GT(at, 15) << "there are fewer steps than were counted once: are they still seen?";
}

TEST(ReconcilerKilled, before_each_operation_and_started_again)
{
    walk(Death::When::before, "one");
}

TEST(ReconcilerKilled, after_each_operation_before_it_heard_of_its_end)
{
    walk(Death::When::after, "one");
}

TEST(ReconcilerKilled, at_each_operation_and_another_builder_takes_over)
{
    walk(Death::When::before, "two");
}

TEST_F(ReconcilerFaultsTest, killed_while_a_server_is_not_healthy_it_is_given_its_image_back_all_the_same)
{
    begin();
    ASSERT_TRUE(first_->loop.pass(true, {}));
    work();
    fleet.sick.insert(head_of("web"));
    for (int n = 0; n < 5; ++n) {
        ASSERT_TRUE(first_->loop.pass(true, {}));
        between();
    }
    ASSERT_EQ(fleet.at("a").image, head_of("web"));
    first_.reset();
    const auto second = process();
    settle(*second, 100, 5s);
    EXPECT_EQ(newest().state, "failed");
    EXPECT_EQ(fleet.at("a").image, old_);
    EXPECT_EQ(fleet.at("b").image, old_);
}

TEST_F(ReconcilerFaultsTest, two_builders_at_once_do_everything_once)
{
    begin();
    hands.pass(31s);
    const auto other = std::move(*Database::open(folder.path() / "builds.sqlite"));
    Process second(*this, *other, "two");
    std::atomic<bool> over{false};
    std::thread rival([&] {
        while (!over)
            [[maybe_unused]] const auto next = second.loop.pass(true, {});
    });
    for (int n = 0; n < 400; ++n) {
        [[maybe_unused]] const auto next = first_->loop.pass(true, {});
        work();
        fleet.tick();
        if (newest().rollout.servers.size() == 4 && newest().state == "succeeded")
            break;
    }
    over = true;
    rival.join();
    fleet.remove("deleted");
    EXPECT_EQ(newest().state, "succeeded");
    EXPECT_EQ(all_rollouts().size(), 1U);
    EXPECT_EQ(submitted, 1);
    EXPECT_EQ(fleet.asked.size(), 3U) << "each server once";
}

TEST_F(ReconcilerFaultsTest, a_leader_that_was_stopped_for_long_does_nothing_further)
{
    begin();
    ASSERT_TRUE(first_->loop.pass(true, {}));
    work();
    hands.pass(31s);
    const auto second = process("two");
    ASSERT_TRUE(second->loop.pass(true, {}));
    const auto asked = fleet.asked.size();
    fleet.tick();
    for (int n = 0; n < 3; ++n)
        EXPECT_EQ(*first_->loop.pass(true, {}), RolloutDriver::Next::idle);
    EXPECT_EQ(fleet.asked.size(), asked);
}

TEST_F(ReconcilerFaultsTest, a_thousand_requirements_at_once_are_one_new_image)
{
    begin();
    fleet.remove("deleted");
    settle(*first_);
    const auto before = submitted;
    for (int n = 0; n < 1000; ++n) {
        const nlohmann::json document = {{"name", "r" + std::to_string(n)},
                                         {"applies_to", {{"everything", true}}},
                                         {"modules", {{"m" + std::to_string(n), nlohmann::json::object()}}}};
        ASSERT_TRUE(requirements.create({}, document, {""}));
    }
    const auto begun = std::chrono::steady_clock::now();
    settle(*first_);
    const auto took = std::chrono::steady_clock::now() - begun;
    EXPECT_EQ(newest().state, "succeeded") << newest().reason;
    EXPECT_EQ(newest().rollout.requirements.size(), 1001U);
    EXPECT_EQ(submitted, before + 1);
    EXPECT_EQ(fleet.at("a").image, head_of("web"));
    EXPECT_LT(took, 60s);
}

}  // namespace
}  // namespace unikernel::test
