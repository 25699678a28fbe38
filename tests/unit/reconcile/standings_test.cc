// SPDX-License-Identifier: Apache-2.0
#include "builder_service/reconcile/standings.hh"

#include "tests/unit/reconcile/town.hh"

namespace unikernel::test
{
namespace
{

using Standings = StandingRepository::Standings;
using Times = StandingRepository::Times;

class StandingsTest : public Town
{
protected:
    Times note(const Standings& seen, bool all = true)
    {
        hands.pass(1h);
        return *StandingRepository(*database).note(seen, all, hands.wall);
    }
    std::string now() const { return timestamp(hands.wall); }
    std::string since(const std::string& server)
    {
        std::string time;
        [[maybe_unused]] const auto done = database->transact(false, [&](soci::session& sql) {
            sql << "SELECT since FROM server_standings WHERE server = :server", soci::use(server),
                soci::into(time);
        });
        return time;
    }
};

TEST_F(StandingsTest, remember_when_a_server_became_what_it_is)
{
    const auto first = note({{"a", Standing::in_compliance}, {"b", Standing::unknown}});
    EXPECT_EQ(first, (Times{{"a", now()}, {"b", now()}}));
    EXPECT_EQ(note({{"a", Standing::in_compliance}, {"b", Standing::unknown}}), first);
    const auto second = note({{"a", Standing::out_of_compliance}, {"b", Standing::unknown}});
    EXPECT_EQ(second.at("a"), now());
    EXPECT_EQ(second.at("b"), first.at("b"));
}

TEST_F(StandingsTest, what_cannot_be_told_just_now_changes_nothing)
{
    const auto first = note({{"a", Standing::in_compliance}});
    EXPECT_TRUE(note({{"a", Standing::undecided}}).empty());
    EXPECT_EQ(note({{"a", Standing::in_compliance}}), first);
}

TEST_F(StandingsTest, a_server_that_is_gone_is_forgotten_and_one_that_was_not_looked_at_is_not)
{
    const auto first = note({{"a", Standing::in_compliance}, {"b", Standing::in_compliance}});
    note({{"a", Standing::in_compliance}}, false);
    EXPECT_EQ(since("b"), first.at("b"));
    note({{"a", Standing::in_compliance}});
    EXPECT_EQ(since("b"), "");
    EXPECT_EQ(since("a"), first.at("a"));
}

TEST_F(StandingsTest, an_image_stands_by_its_plan_and_its_time)
{
    const LineImage image{.build = "b",
                          .number = 1,
                          .project = "",
                          .name = "web",
                          .image = "sha256:1",
                          .image_id = "",
                          .plan_digest = "p",
                          .created = timestamp(hands.wall),
                          .not_after = timestamp(hands.wall + 24h)};
    EXPECT_EQ(standing(image, "p", std::nullopt, hands.wall), Standing::in_compliance);
    EXPECT_EQ(standing(image, "p", 24h, hands.wall + 23h), Standing::in_compliance)
        << "renewed soon, but good";
    EXPECT_EQ(standing(image, "q", std::nullopt, hands.wall), Standing::out_of_compliance);
    EXPECT_EQ(standing(image, "p", 23h, hands.wall), Standing::out_of_compliance)
        << "it may not live so long";
    EXPECT_EQ(standing(image, "p", 24h, hands.wall + 24h), Standing::out_of_compliance) << "it is over";
}

TEST_F(StandingsTest, the_loop_takes_note_and_another_process_goes_on_with_it)
{
    const auto old = built("web");
    fleet.add("a", old);
    fleet.add("odd", "sha256:unheard-of");
    auto one = process();
    settle(*one);
    const auto first = since("a");
    EXPECT_EQ(first, timestamp(hands.wall - 1s)) << "settle lets a second pass";
    EXPECT_EQ(since("odd"), first);
    hands.pass(1h);
    one.reset();
    one = process();
    settle(*one);
    EXPECT_EQ(since("a"), first);
    fleet.away = true;
    ASSERT_TRUE(one->loop.pass(true, {}));
    EXPECT_EQ(since("a"), first) << "servers that cannot be listed are not gone";
    fleet.away = false;
    require("secure", 1);
    hands.pass(1h);
    ASSERT_TRUE(one->loop.pass(true, {}));
    EXPECT_EQ(since("a"), timestamp(hands.wall)) << "out of compliance from now on";
    settle(*one);
    const auto replaced = since("a");
    settle(*one);
    EXPECT_GE(since("a"), replaced);
    EXPECT_EQ(since("odd"), first);
}

}  // namespace
}  // namespace unikernel::test
