// SPDX-License-Identifier: Apache-2.0
#include "target.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace u0::http_guard;

namespace
{

/// "-" when refused.
std::string normalised(std::string target)
{
    const std::size_t size = target.size();
    target.push_back('\0');
    std::size_t path_size = 0;
    const std::size_t result = normalise_target(target, size, path_size);
    if (result == 0)
        return "-";
    EXPECT_LE(path_size, result);
    EXPECT_TRUE(path_size == result || target[path_size] == '?') << target;
    return target.substr(0, result);
}

std::vector<std::string> views(const std::string& path)
{
    std::vector<std::string> seen;
    if (!show_other_views(path, [&](std::string_view view) { seen.emplace_back(view); }))
        seen.emplace_back("undecidable");
    return seen;
}

bool shows(const std::string& path, const std::string& view)
{
    const std::vector<std::string> seen = views(path);
    return std::find(seen.begin(), seen.end(), view) != seen.end();
}

TEST(Target, is_brought_to_one_form)
{
    const std::pair<const char*, const char*> cases[] = {
        {"/", "/"},
        {"/private", "/private"},
        {"/private/", "/private/"},
        {"//private", "/private"},
        {"/a//b///c//", "/a/b/c/"},
        {"/./private", "/private"},
        {"/x/../private", "/private"},
        {"/x/./../private/.", "/private/"},
        {"/private/..", "/"},
        {"/a/b/..", "/a/"},
        {"/a/b/../..", "/"},
        {"/../../private", "/private"},
        {"/..", "/"},
        {"/.", "/"},
        {"/...", "/..."},
        {"/.hidden/..x", "/.hidden/..x"},
        {"/%70rivate", "/private"},
        {"/%70%72%69%76%61%74%65", "/private"},
        {"/%2e%2e/private", "/private"},
        {"/x/%2E%2e/private", "/private"},
        {"/x/.%2e//private", "/private"},
        {"/%7Euser", "/~user"},
        {"/a%20b%c3%a9", "/a%20b%C3%A9"},
        {"/a%3bb", "/a%3Bb"},
        {"/%2570rivate", "/%2570rivate"},
        {"/100%25", "/100%25"},
        {"/p?q=%2f%00%zz/../..", "/p?q=%2f%00%zz/../.."},
        {"/p?", "/p?"},
        {"/x/..?a?b", "/?a?b"},
        {"", "/"},
        {"?q", "/?q"},
    };
    for (const auto& [given, expected] : cases)
        EXPECT_EQ(normalised(given), expected) << given;
}

TEST(Target, is_refused_when_readers_disagree)
{
    const std::string cases[] = {
        "private",    "*",          "/a%2fb",        "/a%2Fb",
        "/a%5cb",     "/a\\b",      "/a%00",         "/a%0ab",
        "/a%0d",      "/a%1f",      "/a%7f",         "/a%",
        "/a%2",       "/a%zz",      "/a%-1",         "/a#b",
        "/a?b#c",     "/a b",       "/a\tb",         "/a\x80",
        "/a\xc3\xa9", "/a\x7f",     "/%c0%af",       "/%c0%ae%c0%ae/x",
        "/%C1%9C",    "/%e0%80%af", "/%f0%80%80%af", std::string("/a\0b", 4),
        "/a\nb",      "/a\rb",
    };
    for (const std::string& given : cases)
        EXPECT_EQ(normalised(given), "-") << given;
}

TEST(Target, splits_absolute_form)
{
    std::string_view authority, origin;
    ASSERT_TRUE(split_absolute_form("HTTP://host:80/p?q", authority, origin));
    EXPECT_EQ(authority, "host:80");
    EXPECT_EQ(origin, "/p?q");
    ASSERT_TRUE(split_absolute_form("https://[::1]?q", authority, origin));
    EXPECT_EQ(authority, "[::1]");
    EXPECT_EQ(origin, "?q");
    ASSERT_TRUE(split_absolute_form("http://host", authority, origin));
    EXPECT_EQ(origin, "");
    ASSERT_TRUE(split_absolute_form("//host/p", authority, origin));
    EXPECT_EQ(authority, "");
    EXPECT_EQ(origin, "//host/p");
    for (const char* given : {"", "host/p", "ftp://host/", "http:/p", "http:p", "http:///p", "http://u@host/",
                              "http://u:p@host/", "p?u=http://host/"})
        EXPECT_FALSE(split_absolute_form(given, authority, origin)) << given;
}

TEST(Target, normalisation_is_idempotent)
{
    std::mt19937 random(20261121);
    const std::string_view parts[] = {"/", "/", ".",   "..", "%2e", "%25", "a",
                                      "B", ";", "%3b", "?",  "%C3", "%A9"};
    for (int i = 0; i < 100'000; ++i) {
        std::string target = "/";
        for (std::size_t n = random() % 10; n != 0; --n)
            target += parts[random() % std::size(parts)];
        const std::string once = normalised(target);
        if (once == "-")
            continue;
        ASSERT_EQ(normalised(once), once) << "from " << target;
    }
}

TEST(Views, show_what_other_readers_would_see)
{
    EXPECT_TRUE(views("/plain/path").empty());
    EXPECT_TRUE(shows("/%2570rivate", "/private"));
    EXPECT_TRUE(shows("/%252570rivate", "/private"));
    EXPECT_TRUE(shows("/x/%252e%252e/private", "/private"));
    EXPECT_TRUE(shows("/x/%252e%252e/private", "/x/../private"));
    EXPECT_TRUE(shows("/x%252fy", "/x/y"));
    EXPECT_TRUE(shows("/x%255c..%255cprivate", "/private"));
    EXPECT_TRUE(shows("/private;v=1/x", "/private/x"));
    EXPECT_TRUE(shows("/;/private", "/private"));
    EXPECT_TRUE(shows("/x/..;/private", "/private"));
    EXPECT_TRUE(shows("/private%3Bx", "/private"));
    EXPECT_TRUE(shows("/private%3Fx", "/private"));
    EXPECT_TRUE(shows("/private%23x", "/private"));
    EXPECT_TRUE(shows("/private%253Bx", "/private"));
}

TEST(Views, give_up_on_too_much_encoding)
{
    EXPECT_TRUE(shows("/%2525252525252570rivate", "undecidable"));
    EXPECT_TRUE(shows("/" + std::string(view_limit, ';'), "undecidable"));
    EXPECT_FALSE(shows("/100%25", "undecidable"));
    EXPECT_FALSE(shows("/" + std::string(2 * view_limit, 'a'), "undecidable"));
}

}  // namespace
