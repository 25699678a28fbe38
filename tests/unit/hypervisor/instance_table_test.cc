// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include <gtest/gtest.h>

#include "builder_service/hypervisor/instance_table.hh"

namespace unikernel
{
namespace
{

using namespace std::chrono_literals;

TEST(InstanceTable, refuses_a_name_that_runs_and_takes_it_again_after_its_end)
{
    InstanceTable table;
    EXPECT_TRUE(table.enter("a"));
    EXPECT_FALSE(table.enter("a"));
    table.set_state("a", InstanceState::shut_off);
    EXPECT_TRUE(table.enter("a"));
}

TEST(InstanceTable, an_end_is_final)
{
    InstanceTable table;
    table.enter("a");
    table.set_state("a", InstanceState::crashed);
    table.set_state("a", InstanceState::running);
    table.update({.name = "a", .id = "", .state = InstanceState::running, .accelerator = "", .forwards = {}});
    EXPECT_EQ(table.find("a")->state, InstanceState::crashed);
}

TEST(InstanceTable, ignores_guests_of_others)
{
    InstanceTable table;
    int called = 0;
    table.on_change([&](const std::string&, InstanceState) { ++called; });
    table.set_state("stranger", InstanceState::running);
    EXPECT_FALSE(table.find("stranger"));
    EXPECT_EQ(called, 0);
}

TEST(InstanceTable, wakes_who_waits_and_tells_who_listens)
{
    InstanceTable table;
    table.enter("a");
    std::vector<std::pair<std::string, InstanceState>> heard;
    table.on_change([&](const std::string& name, InstanceState state) { heard.emplace_back(name, state); });
    std::jthread ender([&] { table.set_state("a", InstanceState::shut_off); });
    EXPECT_EQ(table.wait("a", 10s, {}), InstanceState::shut_off);
    ender.join();
    ASSERT_EQ(heard.size(), 1U);
    EXPECT_EQ(heard[0].second, InstanceState::shut_off);
}

TEST(InstanceTable, waits_no_longer_than_asked)
{
    InstanceTable table;
    table.enter("a");
    EXPECT_EQ(table.wait("a", 1ms, {}), std::nullopt);
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(table.wait("a", 1h, stop.get_token()), std::nullopt);
}

TEST(InstanceTable, a_broken_connection_loses_those_that_ran)
{
    InstanceTable table;
    table.enter("a");
    table.enter("b");
    table.set_state("b", InstanceState::shut_off);
    table.lose_all();
    EXPECT_EQ(table.find("a")->state, InstanceState::gone);
    EXPECT_EQ(table.find("b")->state, InstanceState::shut_off);
}

}  // namespace
}  // namespace unikernel
