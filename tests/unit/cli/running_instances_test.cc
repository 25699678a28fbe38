// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "builder_service/cli/running_instances.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel::cli
{
namespace
{

TEST(RunningInstances, are_listed_while_their_process_holds_them)
{
    const auto state = TemporaryDirectory::create().value();
    EXPECT_TRUE(running_instances(state.path()).empty());
    {
        auto instance = RunningInstance::enter(state.path(), "a").value();
        ASSERT_TRUE(instance.describe({{"accelerator", "tcg"}}));
        const auto listed = running_instances(state.path());
        ASSERT_EQ(listed.size(), 1U);
        EXPECT_EQ(listed[0]["name"], "a");
        EXPECT_EQ(listed[0]["pid"], getpid());
        EXPECT_EQ(RunningInstance::enter(state.path(), "a").error().kind, FailureKind::conflict);
    }
    EXPECT_TRUE(running_instances(state.path()).empty());
    EXPECT_TRUE(RunningInstance::enter(state.path(), "a"));
}

TEST(RunningInstances, what_a_killed_process_left_is_cleared_away)
{
    const auto state = TemporaryDirectory::create().value();
    std::filesystem::create_directory(state.path() / "run");
    std::ofstream(state.path() / "run/dead.json") << R"({"name":"dead","pid":1})";
    EXPECT_TRUE(running_instances(state.path()).empty());
    EXPECT_FALSE(std::filesystem::exists(state.path() / "run/dead.json"));
}

}  // namespace
}  // namespace unikernel::cli
