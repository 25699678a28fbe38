// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "common/util/time.hh"

namespace unikernel
{
namespace
{

using std::chrono::seconds;
using std::chrono::sys_days;

TEST(Rfc3339, is_read_in_any_zone)
{
    const auto first = sys_days(std::chrono::year(2026) / 12 / 1);
    EXPECT_EQ(*parse_rfc3339("2026-12-01T00:00:00Z"), first);
    EXPECT_EQ(*parse_rfc3339("2026-12-01T00:00:00.999999Z"), first);
    EXPECT_EQ(*parse_rfc3339("2026-12-01T02:00:00+02:00"), first);
    EXPECT_EQ(*parse_rfc3339("2026-11-30T18:30:00-05:30"), first);
    EXPECT_EQ(*parse_rfc3339("2024-02-29T23:59:60Z"), sys_days(std::chrono::year(2024) / 3 / 1));
    EXPECT_EQ(parse_rfc3339("9999-12-31T23:59:59Z")->time_since_epoch(), seconds(253'402'300'799));
}

TEST(Rfc3339, refuses_everything_else)
{
    for (const char* text : {"",
                             "2026",
                             "2026-12-01",
                             "2026-12-01T00:00:00",
                             "2026-12-01T00:00Z",
                             "2026-12-01 00:00:00Z",
                             "2026-13-01T00:00:00Z",
                             "2026-00-01T00:00:00Z",
                             "2026-02-29T00:00:00Z",
                             "2026-12-01T24:00:00Z",
                             "2026-12-01T00:60:00Z",
                             "2026-12-01T00:00:61Z",
                             "2026-12-01T00:00:00.Z",
                             "2026-12-01T00:00:00ZZ",
                             "2026-12-01T00:00:00+2:00",
                             "2026-12-01T00:00:00+24:00",
                             "2026-12-1T00:00:00Z",
                             "+026-12-01T00:00:00Z",
                             "2026-12-01t00:00:00z",
                             " 2026-12-01T00:00:00Z"}) {
        EXPECT_FALSE(parse_rfc3339(text)) << text;
    }
    EXPECT_EQ(parse_rfc3339("tomorrow").error().message,
              "\"tomorrow\" is no time; write it as 2026-12-01T00:00:00Z (RFC 3339)");
}

TEST(Rfc3339, is_written_as_it_is_read)
{
    for (const char* text : {"1970-01-01T00:00:00Z", "2026-12-01T23:59:58Z", "9999-12-31T23:59:59Z"}) {
        EXPECT_EQ(to_rfc3339(*parse_rfc3339(text)), text);
    }
}

TEST(Duration, is_a_number_and_a_unit)
{
    EXPECT_EQ(*parse_duration("30d"), std::chrono::days(30));
    EXPECT_EQ(*parse_duration("24h"), std::chrono::days(1));
    EXPECT_EQ(*parse_duration("5m"), seconds(300));
    EXPECT_EQ(*parse_duration("0s"), seconds(0));
    EXPECT_EQ(*parse_duration("3650d"), std::chrono::days(3650));
    for (const char* text : {"", "d", "30", "30 d", "30D", "30dd", "-1d", "+1d", "1.5h", "1h30m", "3651d",
                             "99999999999999999999s", "315360001s"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
    EXPECT_EQ(parse_duration("30").error().message,
              "\"30\" is no duration; write a whole number and s, m, h or d, such as 30d");
    EXPECT_EQ(parse_duration("99999h").error().message, "\"99999h\" is over the maximum 3650d");
}

TEST(Duration, is_written_in_its_largest_whole_unit)
{
    EXPECT_EQ(to_text(std::chrono::hours(36)), "36h");
    EXPECT_EQ(to_text(std::chrono::hours(48)), "2d");
    EXPECT_EQ(to_text(seconds(90)), "90s");
    EXPECT_EQ(to_text(seconds(120)), "2m");
    EXPECT_EQ(to_text(seconds(0)), "0s");
}

}  // namespace
}  // namespace unikernel
