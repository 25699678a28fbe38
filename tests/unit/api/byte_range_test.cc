// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/byte_range.hh"

#include <gtest/gtest.h>

namespace unikernel::api
{
namespace
{

TEST(ByteRange, OfOneRange)
{
    EXPECT_EQ(std::get<ByteRange>(byte_range("bytes=0-0", 10)), (ByteRange{0, 1}));
    EXPECT_EQ(std::get<ByteRange>(byte_range("bytes=2-5", 10)), (ByteRange{2, 4}));
    EXPECT_EQ(std::get<ByteRange>(byte_range("bytes=2-", 10)), (ByteRange{2, 8}));
    EXPECT_EQ(std::get<ByteRange>(byte_range("bytes=2-99", 10)), (ByteRange{2, 8}));
    EXPECT_EQ(std::get<ByteRange>(byte_range("bytes=-3", 10)), (ByteRange{7, 3}));
    EXPECT_EQ(std::get<ByteRange>(byte_range("bytes=-99", 10)), (ByteRange{0, 10}));
    EXPECT_EQ(std::get<ByteRange>(byte_range("bytes=0-18446744073709551615", 10)), (ByteRange{0, 10}));
}

TEST(ByteRange, OutsideOfTheFile)
{
    for (const char* text : {"bytes=10-", "bytes=10-20", "bytes=-0"})
        EXPECT_TRUE(std::holds_alternative<NotSatisfiable>(byte_range(text, 10))) << text;
    EXPECT_TRUE(std::holds_alternative<NotSatisfiable>(byte_range("bytes=0-", 0)));
    EXPECT_TRUE(std::holds_alternative<NotSatisfiable>(byte_range("bytes=-1", 0)));
}

TEST(ByteRange, WhatIsNotUnderstoodIsTheWholeFile)
{
    for (const char* text :
         {"", "bytes", "bytes=", "bytes=-", "bytes=3", "bytes=5-2", "bytes=a-b", "bytes=1-2,4-5", "items=0-1",
          "bytes=--1", "bytes=1--2", "bytes=18446744073709551616-", "bytes=1-2x"})
        EXPECT_TRUE(std::holds_alternative<WholeFile>(byte_range(text, 10))) << text;
}

TEST(EntityTag, IsFoundInAList)
{
    EXPECT_TRUE(has_entity_tag("\"a\"", "\"a\""));
    EXPECT_TRUE(has_entity_tag("\"b\", W/\"a\"", "\"a\""));
    EXPECT_TRUE(has_entity_tag("*", "\"a\""));
    EXPECT_FALSE(has_entity_tag("", "\"a\""));
    EXPECT_FALSE(has_entity_tag("a", "\"a\""));
    EXPECT_FALSE(has_entity_tag("\"ab\",", "\"a\""));
}

}  // namespace
}  // namespace unikernel::api
