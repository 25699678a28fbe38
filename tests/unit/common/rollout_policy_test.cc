// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include "common/model/rollout_policy.hh"

namespace unikernel
{
namespace
{

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::sys_days;
using std::chrono::system_clock;

constexpr auto saturday = sys_days(std::chrono::year(2026) / 11 / 28);

RolloutPolicy with(std::vector<std::vector<MaintenanceWindow>> windows)
{
    RolloutPolicy policy;
    policy.windows = std::move(windows);
    return policy;
}

HealthCheck any_check()
{
    HealthCheck check;
    check.kind = *rc::gen::element(HealthCheck::Kind::http, HealthCheck::Kind::tcp);
    check.port = *rc::gen::inRange<std::uint16_t>(80, 83);
    return check;
}

MaintenanceWindow any_window()
{
    MaintenanceWindow window{
        {}, minutes(*rc::gen::inRange(0, 24 * 60)), minutes(*rc::gen::inRange(0, 24 * 60))};
    const unsigned mask = *rc::gen::inRange(0U, 128U);
    for (unsigned day = 0; day < 7; ++day) {
        if ((mask >> day & 1) != 0) {
            window.days.insert(day);
        }
    }
    return window;
}

template <typename Item>
std::vector<Item> up_to_three(Item (*make)())
{
    std::vector<Item> list;
    for (int left = *rc::gen::inRange(0, 4); left > 0; --left) {
        list.push_back(make());
    }
    return list;
}

template <typename Value>
std::optional<Value> perhaps(Value value)
{
    return *rc::gen::arbitrary<bool>() ? std::optional(value) : std::nullopt;
}

RolloutRules any_rules()
{
    RolloutRules rules;
    rules.canary = perhaps(*rc::gen::inRange(0U, 5U));
    rules.parallel = perhaps(*rc::gen::inRange(1U, 5U));
    rules.pause = perhaps(std::chrono::seconds(*rc::gen::inRange(0, 100)));
    rules.within = perhaps(std::chrono::seconds(*rc::gen::inRange(1, 100)));
    rules.health = up_to_three(any_check);
    if (*rc::gen::arbitrary<bool>()) {
        rules.windows.push_back(up_to_three(any_window));
    }
    return rules;
}

RC_GTEST_PROP(StricterRules, do_not_depend_on_order_or_repetition, ())
{
    const RolloutRules a = any_rules();
    const RolloutRules b = any_rules();
    const RolloutRules c = any_rules();
    RC_ASSERT(stricter(a, b) == stricter(b, a));
    RC_ASSERT(stricter(stricter(a, b), c) == stricter(a, stricter(b, c)));
    RC_ASSERT(stricter(stricter(a, b), b) == stricter(a, b));
}

RC_GTEST_PROP(StricterRules, loosen_nothing_that_either_says, ())
{
    const RolloutRules a = any_rules();
    const RolloutPolicy both(stricter(a, any_rules()));
    RC_ASSERT(!a.canary || both.canary >= *a.canary);
    RC_ASSERT(!a.parallel || both.parallel <= *a.parallel);
    RC_ASSERT(!a.pause || both.pause >= *a.pause);
    RC_ASSERT(!a.within || both.within <= *a.within);
    for (const HealthCheck& check : a.health) {
        RC_ASSERT(std::count(both.health.begin(), both.health.end(), check) == 1);
    }
    const auto now = system_clock::time_point(saturday) + minutes(*rc::gen::inRange(0, 7 * 24 * 60));
    RC_ASSERT(!open(both, now) || open(RolloutPolicy(a), now));
}

RC_GTEST_PROP(StricterRules, leave_what_one_says_alone_as_it_is, ())
{
    const RolloutRules a = any_rules();
    const RolloutRules b = any_rules();
    const RolloutRules both = stricter(a, b);
    RC_ASSERT(both.canary == (b.canary ? std::max(a.canary, b.canary) : a.canary));
    RC_ASSERT(b.parallel || both.parallel == a.parallel);
    RC_ASSERT(b.pause || both.pause == a.pause);
    RC_ASSERT(b.within || both.within == a.within);
    RC_ASSERT(stricter(a, {}).parallel == a.parallel);
}

TEST(RolloutPolicy, has_defaults_for_what_no_requirement_says)
{
    RolloutRules rules;
    EXPECT_EQ(RolloutPolicy(rules), RolloutPolicy{});
    rules.canary = 0;
    rules.within = std::chrono::seconds(90);
    const RolloutPolicy policy(rules);
    EXPECT_EQ(policy.canary, 0U) << "said, and not the default";
    EXPECT_EQ(policy.parallel, 1U);
    EXPECT_EQ(policy.within, std::chrono::seconds(90));
}

TEST(Open, without_windows_is_always_so)
{
    EXPECT_TRUE(open(RolloutPolicy{}, saturday));
}

TEST(Open, begins_at_from_and_ends_before_to)
{
    const RolloutPolicy policy = with({{{{6}, hours(2), hours(4)}}});
    EXPECT_FALSE(open(policy, saturday + hours(2) - std::chrono::nanoseconds(1)));
    EXPECT_TRUE(open(policy, saturday + hours(2)));
    EXPECT_TRUE(open(policy, saturday + hours(4) - std::chrono::nanoseconds(1)));
    EXPECT_FALSE(open(policy, saturday + hours(4)));
    EXPECT_FALSE(open(policy, saturday + days(1) + hours(3)));
}

TEST(Open, over_midnight_belongs_to_the_day_it_begins_on)
{
    const RolloutPolicy policy = with({{{{6}, hours(22), hours(4)}}});
    EXPECT_FALSE(open(policy, saturday + hours(3)));
    EXPECT_TRUE(open(policy, saturday + hours(23)));
    EXPECT_TRUE(open(policy, saturday + days(1) + hours(3)));
    EXPECT_FALSE(open(policy, saturday + days(1) + hours(4)));
    EXPECT_FALSE(open(policy, saturday + days(1) + hours(23)));
}

TEST(Open, from_and_to_at_the_same_time_is_a_whole_day)
{
    const RolloutPolicy policy = with({{{{}, hours(5), hours(5)}}});
    for (int hour = 0; hour < 24; ++hour) {
        EXPECT_TRUE(open(policy, saturday + hours(hour)));
    }
}

TEST(Open, one_window_of_each_requirement_must_be)
{
    const MaintenanceWindow morning{{}, hours(6), hours(9)};
    const MaintenanceWindow evening{{}, hours(18), hours(21)};
    const MaintenanceWindow early{{}, hours(5), hours(7)};
    EXPECT_TRUE(open(with({{morning, evening}}), saturday + hours(19)));
    EXPECT_FALSE(open(with({{morning, evening}, {early}}), saturday + hours(19)));
    EXPECT_TRUE(open(with({{morning, evening}, {early}}), saturday + hours(6)));
}

TEST(ChecksOf, nothing_given_is_that_the_guest_sealed_itself)
{
    const auto checks = checks_of(RolloutPolicy{});
    ASSERT_EQ(checks.size(), 1U);
    EXPECT_EQ(to_text(checks.front()), "console \"u0: sealed\"");
    RolloutPolicy policy;
    policy.health.push_back({HealthCheck::Kind::tcp, 443, "/", 200, ""});
    EXPECT_EQ(checks_of(policy), policy.health);
}

TEST(HealthCheckText, says_what_is_asked_and_what_must_come)
{
    EXPECT_EQ(to_text({HealthCheck::Kind::http, 8080, "/up", 204, ""}), "http port 8080 path /up status 204");
    EXPECT_EQ(to_text({HealthCheck::Kind::tcp, 443, "/", 200, ""}), "tcp port 443");
}

}  // namespace
}  // namespace unikernel
