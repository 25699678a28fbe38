// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include <gtest/gtest.h>

#include "common/model/dependency.hh"

namespace unikernel
{
namespace
{

TEST(Versions, are_ordered_as_dpkg_orders_them)
{
    const std::vector<std::string> versions{"0.0.1",  "1.0.0~rc1", "1.0.0",  "1.0.0+git1", "1.0.0-1", "1.0.9",
                                            "1.0.10", "1.2.0",     "1.10.0", "2.0.0a",     "10.0.0"};
    for (const std::string& a : versions) {
        for (const std::string& b : versions) {
            const auto dpkg = [&](const char* relation) {
                return std::system(
                           ("dpkg --compare-versions '" + a + "' " + relation + " '" + b + "'").c_str()) == 0;
            };
            const int order = compare_versions(a, b);
            EXPECT_EQ(order < 0, dpkg("lt")) << a << " " << b;
            EXPECT_EQ(order == 0, dpkg("eq")) << a << " " << b;
        }
    }
}

TEST(Dependency, is_a_name_or_a_name_with_a_range)
{
    EXPECT_EQ(*parse_dependency("lwip"), Dependency("lwip"));
    const Dependency range = *parse_dependency("lwip >= 2.1, < 3");
    EXPECT_EQ(to_string(range), "lwip >= 2.1, < 3");
    EXPECT_TRUE(range.admits("2.1"));
    EXPECT_TRUE(range.admits("2.9.9"));
    EXPECT_FALSE(range.admits("2.0.9"));
    EXPECT_FALSE(range.admits("3"));
    EXPECT_FALSE(range.admits("")) << "a virtual name without a version is in no range";
    EXPECT_TRUE(Dependency("lwip").admits(""));
    EXPECT_EQ(to_string(*parse_dependency("lwip>=2.1<3")), "lwip >= 2.1, < 3");
    EXPECT_TRUE(parse_dependency("tls = 1.3.0")->admits("1.3.0"));
    EXPECT_FALSE(parse_dependency("tls > 1.3.0")->admits("1.3.0"));
    EXPECT_TRUE(parse_dependency("tls <= 1.3.0")->admits("1.3.0"));
}

TEST(Dependency, refuses_what_is_neither)
{
    for (const char* text :
         {"", "Lwip", "lwip 2", "lwip >=", "lwip >= x", "lwip ~> 2", "lwip, net", "lwip >= 2,"}) {
        const auto parsed = parse_dependency(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().message,
                  "\"" + std::string(text) +
                      "\" is neither a name nor a name with a range such as \"lwip >= 2.1, < 3\"");
    }
    EXPECT_FALSE(parse_dependency(std::string(100'000, '<')));
}

}  // namespace
}  // namespace unikernel
