// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "builder_service/api/http_server.hh"

namespace unikernel::api
{
namespace
{

TEST(ListenAddress, IsALoopbackAddressAndAPort)
{
    const auto four = HttpServer::parse_address("127.0.0.1:8770");
    ASSERT_TRUE(four);
    EXPECT_EQ(four->host, "127.0.0.1");
    EXPECT_EQ(four->port, 8770);
    const auto six = HttpServer::parse_address("[::1]:0");
    ASSERT_TRUE(six);
    EXPECT_EQ(six->host, "::1");
    EXPECT_EQ(six->port, 0);
    EXPECT_TRUE(HttpServer::parse_address("127.9.9.9:65535"));
}

TEST(ListenAddress, KnowsTheOutside)
{
    for (const char* text : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1"})
        EXPECT_TRUE(HttpServer::parse_address(text).value().loopback) << text;
    for (const char* text : {"0.0.0.0:1", "192.168.0.1:1", "[::]:1", "[2001:db8::1]:1"})
        EXPECT_FALSE(HttpServer::parse_address(text).value().loopback) << text;
}

TEST(ListenAddress, RefusesWhatIsNone)
{
    for (const char* text : {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
                             "127.0.0.1:-1", "localhost:80", "127.1:80", "127.0.0.1:80 "})
        EXPECT_FALSE(HttpServer::parse_address(text)) << text;
}

}  // namespace
}  // namespace unikernel::api
