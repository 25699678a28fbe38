// SPDX-License-Identifier: Apache-2.0
#include "builder_service/identity/access_rules.hh"

#include <gtest/gtest.h>

namespace unikernel
{
namespace
{

TEST(PathPattern, TakesSegmentsAndRests)
{
    const std::pair<const char*, const char*> taken[] = {{"/v1/builds", "/v1/builds"},
                                                         {"/v1/builds/*", "/v1/builds/7"},
                                                         {"/v1/builds/{id}", "/v1/builds/7"},
                                                         {"/v1/builds/{id}/events", "/v1/builds/7/events"},
                                                         {"/v1/**", "/v1/builds/7/events"},
                                                         {"/v1/**", "/v1/"},
                                                         {"**", "/anything"},
                                                         {"/v1/*/7/**", "/v1/builds/7/events"},
                                                         {"/v1/b*s", "/v1/builds"},
                                                         {"/a/**/z", "/a/b/c/z"},
                                                         {"", ""}};
    for (const auto& [pattern, path] : taken)
        EXPECT_TRUE(path_matches(pattern, path)) << pattern << " " << path;
}

TEST(PathPattern, TakesNothingElse)
{
    const std::pair<const char*, const char*> left[] = {{"/v1/builds", "/v1/builds/"},
                                                        {"/v1/builds", "/v1/build"},
                                                        {"/v1/builds", "/v1/buildss"},
                                                        {"/v1/builds/*", "/v1/builds/"},
                                                        {"/v1/builds/*", "/v1/builds/7/events"},
                                                        {"/v1/builds/{id}", "/v1/builds"},
                                                        {"/v1.builds", "/v1/builds"},
                                                        {"/v1/{id", "/v1/7"},
                                                        {"/v1/[a-z]+", "/v1/abc"},
                                                        {"", "/"},
                                                        {"*", ""}};
    for (const auto& [pattern, path] : left)
        EXPECT_FALSE(path_matches(pattern, path)) << pattern << " " << path;
}

TEST(PathPattern, TakesItsTimeWhateverThePattern)
{
    std::string pattern;
    for (int n = 0; n < 300; ++n)
        pattern += "**a";
    EXPECT_FALSE(path_matches(pattern, std::string(4000, 'a') + "b"));
}

TEST(AccessRules, NameMethodServiceAndPath)
{
    const std::vector<AccessRule> rules = {{"GET", "unikernel", "/v1/builds"},
                                           {"POST", "image", "/v2/images"}};
    EXPECT_TRUE(allowed_by(rules, "unikernel", "GET", "/v1/builds"));
    EXPECT_FALSE(allowed_by(rules, "unikernel", "POST", "/v1/builds"));
    EXPECT_FALSE(allowed_by(rules, "unikernel", "POST", "/v2/images"));
    EXPECT_FALSE(allowed_by({}, "unikernel", "GET", "/v1/builds"));
}

}  // namespace
}  // namespace unikernel
