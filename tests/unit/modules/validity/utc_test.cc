// SPDX-License-Identifier: Apache-2.0
#include <ctime>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "builder_service/modules/validity/utc.hh"

namespace u0::validity
{
namespace
{

std::string text(std::uint64_t seconds)
{
    const auto characters = utc_text(seconds);
    return {characters.data(), characters.size()};
}

std::string by_libc(std::uint64_t seconds)
{
    const auto time = static_cast<std::time_t>(seconds);
    std::tm broken{};
    gmtime_r(&time, &broken);
    char buffer[32];
    return {buffer, std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%SZ", &broken)};
}

static_assert(utc_text(0).front() == '1');  // it is a constant of the image

TEST(Utc, says_the_edges_of_days_months_and_years)
{
    EXPECT_EQ(text(0), "1970-01-01T00:00:00Z");
    EXPECT_EQ(text(946684800), "2000-01-01T00:00:00Z");
    EXPECT_EQ(text(951782399), "2000-02-28T23:59:59Z");
    EXPECT_EQ(text(951782400), "2000-02-29T00:00:00Z");
    EXPECT_EQ(text(4102444799), "2099-12-31T23:59:59Z");
    EXPECT_EQ(text(253402300799), "9999-12-31T23:59:59Z");
}

TEST(Utc, agrees_with_the_c_library)
{
    constexpr unsigned seed = 20261201;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    std::uniform_int_distribution<std::uint64_t> seconds(0, 253402300799);
    for (int i = 0; i < 100'000; ++i) {
        const std::uint64_t second = seconds(random);
        ASSERT_EQ(text(second), by_libc(second)) << second;
    }
}

}  // namespace
}  // namespace u0::validity
