// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/running_builds.hh"

#include <gtest/gtest.h>

namespace unikernel
{
namespace
{

using namespace std::chrono_literals;

bool stopped_within(const std::stop_token& token, std::chrono::milliseconds limit)
{
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!token.stop_requested() && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(1ms);
    return token.stop_requested();
}

TEST(RunningBuilds, StopsABuildWhoseTimeIsOver)
{
    RunningBuilds builds;
    const auto long_one = builds.begin({"long", 1}, 1h);
    std::this_thread::sleep_for(20ms);  // the watcher waits for the hour by now
    const auto token = builds.begin({"short", 1}, 50ms);
    EXPECT_TRUE(stopped_within(token, 5s));
    EXPECT_EQ(builds.reason({"short", 1}), StopReason::timed_out);
    builds.end({"short", 1});
    EXPECT_FALSE(long_one.stop_requested());
    EXPECT_EQ(builds.reason({"long", 1}), StopReason::none);
    builds.end({"long", 1});
}

TEST(RunningBuilds, KeepsTheFirstReason)
{
    RunningBuilds builds;
    const auto token = builds.begin({"a", 1}, 1h);
    EXPECT_TRUE(builds.stop({"a", 1}, StopReason::cancelled));
    builds.stop_all(StopReason::shutdown);
    EXPECT_TRUE(token.stop_requested());
    EXPECT_EQ(builds.reason({"a", 1}), StopReason::cancelled);
    builds.end({"a", 1});
    EXPECT_FALSE(builds.stop({"a", 1}, StopReason::cancelled));
}

TEST(RunningBuilds, TellsTwoRunsOfOneBuildApart)
{
    RunningBuilds builds;
    const auto lost = builds.begin({"a", 1}, 1h);
    const auto token = builds.begin({"a", 3}, 1h);
    EXPECT_TRUE(builds.stop({"a", 1}, StopReason::taken_over));
    EXPECT_TRUE(lost.stop_requested());
    EXPECT_FALSE(token.stop_requested());
    builds.end({"a", 1});
    EXPECT_EQ(builds.reason({"a", 3}), StopReason::none);
    EXPECT_FALSE(builds.wait_none(0ms));
}

TEST(RunningBuilds, WaitsForTheLastOne)
{
    RunningBuilds builds;
    EXPECT_TRUE(builds.wait_none(0ms));
    builds.begin({"a", 1}, 1h);
    EXPECT_FALSE(builds.wait_none(10ms));
    const std::jthread ender([&] {
        std::this_thread::sleep_for(30ms);
        builds.end({"a", 1});
    });
    EXPECT_TRUE(builds.wait_none(5s));
}

}  // namespace
}  // namespace unikernel
