// SPDX-License-Identifier: Apache-2.0
#include "builder_service/compliance/page.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace unikernel
{
namespace
{

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

json server(const std::string& name)
{
    return {{"id", "1"},
            {"name", name},
            {"project", "p"},
            {"image", "sha256"},
            {"status", "a"},
            {"pinned", true},
            {"compliant", true},
            {"reason", "r"},
            {"since", "2026-01-01T00:00:00Z"},
            {"not_after", nullptr},
            {"requirements",
             {{{"name", "tls"}, {"revision", 2}, {"fulfilled", false}, {"fulfilled_revision", 1}}}}};
}

std::string page(const std::string& name)
{
    return compliance_page(
        {{"generated", "2026-06-01T00:00:00Z"},
         {"compliant", true},
         {"servers", {server(name)}},
         {"lines", {{{"name", name}, {"project", "p"}, {"outdated", true}, {"reason", "r"}}}}});
}

std::size_t count(const std::string& text, const std::string& part)
{
    std::size_t number = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
        ++number;
    return number;
}

TEST(Page, says_of_an_unknown_image_neither_yes_nor_no)
{
    auto odd = server("odd");
    odd["known"] = false;
    odd["compliant"] = false;
    const auto text = compliance_page({{"generated", "2026-06-01T00:00:00Z"},
                                       {"compliant", true},
                                       {"servers", {server("web"), odd}},
                                       {"lines", json::array()}});
    EXPECT_THAT(text, HasSubstr("1 of 2 servers are in compliance, 1 run an unknown image"));
    EXPECT_THAT(text, HasSubstr("? unknown"));
    EXPECT_THAT(text, Not(HasSubstr("✗ out of compliance")));
}

// How a browser takes it: tests/compliance.
TEST(Page, shows_every_text_as_text)
{
    const auto hostile = page("<script>alert(1)</script>\" onload=\"x' & \x01\xff");
    EXPECT_THAT(hostile, Not(HasSubstr("<script")));
    EXPECT_THAT(hostile, Not(HasSubstr("\" onload")));
    EXPECT_THAT(
        hostile,
        HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&quot;x&#39; &amp; \xef\xbf\xbd"));
    EXPECT_EQ(hostile.find('\x01'), std::string::npos);
    EXPECT_EQ(hostile.find('\xff'), std::string::npos);
}

TEST(Page, has_a_row_and_a_bar_for_each_server)
{
    const auto text = page("web");
    EXPECT_EQ(count(text, "<tr class=\"server\">"), 1U);
    EXPECT_EQ(count(text, "<g class=\"server\">"), 1U);
    EXPECT_EQ(count(text, "<tr class=\"line\">"), 1U);
    EXPECT_THAT(text, HasSubstr("1 of 1 servers are in compliance"));
    EXPECT_THAT(text, HasSubstr("tls, revision 2"));
    EXPECT_THAT(text, HasSubstr("not met</strong> (has revision 1)"));
    EXPECT_THAT(text, HasSubstr("a, pinned"));
}

TEST(Page, needs_nothing_from_elsewhere)
{
    const auto text = page("web");
    for (const char* reference : {"src=", "href=\"http", "@import", "url("})
        EXPECT_THAT(text, Not(HasSubstr(reference)));
}

TEST(Page, cuts_long_names_between_characters)
{
    std::string name;
    for (int i = 0; i < 60; ++i)
        name += "ü";
    EXPECT_THAT(page(name), HasSubstr("üüü…</text>"));
}

TEST(Page, is_made_of_nothing_too)
{
    const auto text = compliance_page({{"generated", "2026-06-01T00:00:00Z"},
                                       {"compliant", true},
                                       {"servers", json::array()},
                                       {"lines", json::array()}});
    EXPECT_THAT(text, HasSubstr("0 of 0 servers"));
}

}  // namespace
}  // namespace unikernel
