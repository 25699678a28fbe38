// SPDX-License-Identifier: Apache-2.0
#include "builder_service/fleet/networks.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace unikernel
{
namespace
{

using testing::HasSubstr;

bool in(const std::string& networks, const std::string& address)
{
    const auto read = Networks::parse(networks);
    EXPECT_TRUE(read) << read.error().message;
    return read && read->contain(address);
}

std::string refusal(const std::string& text)
{
    const auto read = Networks::parse(text);
    return read ? "" : read.error().message;
}

TEST(Networks, HoldTheirAddressesAlone)
{
    EXPECT_TRUE(in("10.24.0.0/24", "10.24.0.0"));
    EXPECT_TRUE(in("10.24.0.0/24", "10.24.0.255"));
    EXPECT_FALSE(in("10.24.0.0/24", "10.24.1.0"));
    EXPECT_FALSE(in("10.24.0.0/24", "10.23.255.255"));
    EXPECT_TRUE(in("10.24.0.64/26", "10.24.0.127"));
    EXPECT_FALSE(in("10.24.0.64/26", "10.24.0.128"));
    EXPECT_TRUE(in("192.0.2.7/32", "192.0.2.7"));
    EXPECT_FALSE(in("192.0.2.7/32", "192.0.2.6"));
    EXPECT_TRUE(in("0.0.0.0/0", "255.255.255.255"));
    EXPECT_TRUE(in(" 10.0.0.0/8 ,2001:db8::/33,", "2001:db8:7fff::1"));
    EXPECT_FALSE(in("10.0.0.0/8, 2001:db8::/33", "2001:db8:8000::1"));
    EXPECT_TRUE(in("2001:db8::1/128", "2001:db8::1"));
}

TEST(Networks, TheFamiliesAreApart)
{
    EXPECT_FALSE(in("0.0.0.0/0", "::1"));
    EXPECT_FALSE(in("::/0", "10.0.0.1"));
    EXPECT_FALSE(in("::/0", "::ffff:10.0.0.1")) << "that is an IPv4 address";
    EXPECT_TRUE(in("10.0.0.0/8", "::ffff:10.0.0.1"));
}

TEST(Networks, WhatIsNoAddressIsInNone)
{
    for (const auto* text : {"", "localhost", "10.0.0", "010.0.0.1", "10.0.0.1:80", "fe80::1%lo"})
        EXPECT_FALSE(in("0.0.0.0/0, ::/0", text)) << text;
}

TEST(Networks, NoneAtFirst)
{
    EXPECT_TRUE(Networks{}.empty());
    EXPECT_FALSE(Networks{}.contain("10.0.0.1"));
    for (const auto* text : {"", " ", ", ,"})
        EXPECT_TRUE(Networks::parse(text)->empty()) << text;
    EXPECT_FALSE(Networks::parse("10.0.0.0/8")->empty());
}

TEST(Networks, RefuseWhatIsNone)
{
    for (const auto* text : {"10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "/8",
                             "::/129", "net/8", "10.0.0.0/8 192.168.0.0/16"})
        EXPECT_THAT(refusal(text), HasSubstr("is no network such as 10.0.0.0/24")) << text;
    EXPECT_EQ(refusal("10.0.0.0/8, 10.24.0.1/24"),
              "'10.24.0.1/24' is an address in a network; write the network's first address");
    EXPECT_THAT(refusal("2001:db8::1/64"), HasSubstr("is an address in a network"));
}

}  // namespace
}  // namespace unikernel
