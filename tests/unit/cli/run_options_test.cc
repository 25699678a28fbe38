// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "builder_service/cli/command.hh"
#include "builder_service/cli/run_options.hh"

namespace unikernel::cli
{
namespace
{

std::string refusal(const std::string& forward)
{
    try {
        parse_forward(forward);
    } catch (const UsageError& error) {
        return error.what();
    }
    return "accepted";
}

TEST(Forward, has_three_forms)
{
    const auto both = parse_forward("8080:80");
    EXPECT_EQ(both.host_address, "127.0.0.1");
    EXPECT_EQ(both.host_port, 8080);
    EXPECT_EQ(both.guest_port, 80);
    const auto any = parse_forward("80");
    EXPECT_EQ(any.host_port, 0);
    EXPECT_EQ(any.guest_port, 80);
    const auto address = parse_forward("0.0.0.0:0:443");
    EXPECT_EQ(address.host_address, "0.0.0.0");
    EXPECT_EQ(address.guest_port, 443);
}

TEST(Forward, is_refused_by_name_and_limit)
{
    EXPECT_EQ(refusal("8080:99999"), "--forward 8080:99999: \"99999\" is not a number from 1 to 65535");
    EXPECT_EQ(refusal("8080:0"), "--forward 8080:0: \"0\" is not a number from 1 to 65535");
    EXPECT_EQ(refusal("-1:80"), "--forward -1:80: \"-1\" is not a number from 0 to 65535");
    EXPECT_EQ(refusal("localhost:1:2"), "--forward localhost:1:2: \"localhost\" is not an IPv4 address");
    for (const char* bad : {"", ":", "a", "1:2:3:4", "80:", " 80", "80x"}) {
        EXPECT_NE(refusal(bad), "accepted") << bad;
    }
}

InstanceSpec parsed(const std::vector<std::string>& words)
{
    boost::program_options::variables_map values;
    boost::program_options::store(
        boost::program_options::command_line_parser(words).options(run_options()).run(), values);
    return instance_spec(values);
}

TEST(RunOptions, negative_memory_does_not_wrap_around)
{
    EXPECT_THROW(parsed({"--memory=-1"}), UsageError);
    EXPECT_THROW(parsed({"--memory", "0"}), UsageError);
    EXPECT_EQ(parsed({"--memory", "64"}).memory_mib, 64U);
}

TEST(RunOptions, guest_may_open_connections_unless_forbidden)
{
    EXPECT_TRUE(parsed({}).outbound);
    EXPECT_FALSE(parsed({"--no-outbound"}).outbound);
}

}  // namespace
}  // namespace unikernel::cli
