// SPDX-License-Identifier: Apache-2.0
#include "builder_service/identity/token_cache.hh"

#include <gtest/gtest.h>

namespace unikernel
{
namespace
{

using namespace std::chrono_literals;

TokenCache::Facts facts(const std::string& user)
{
    TokenFacts made;
    made.user_id = user;
    return std::make_shared<const TokenFacts>(made);
}

TEST(TokenCache, RemembersForAWhile)
{
    TokenCache cache(10);
    const auto now = TokenCache::Clock::now();
    const auto key = TokenCache::key("token", false);
    EXPECT_FALSE(cache.find(key, now));
    cache.keep(key, facts("u"), now + 10s);
    EXPECT_EQ((*cache.find(key, now + 9s))->user_id, "u");
    EXPECT_FALSE(cache.find(key, now + 10s));
    EXPECT_FALSE(cache.find(key, now));  // gone
}

TEST(TokenCache, KnowsWhatIsUnknown)
{
    TokenCache cache(10);
    const auto now = TokenCache::Clock::now();
    cache.keep(TokenCache::key("token", false), nullptr, now + 1s);
    const auto found = cache.find(TokenCache::key("token", false), now);
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, nullptr);
}

TEST(TokenCache, TellsQuestionsApart)
{
    EXPECT_NE(TokenCache::key("token", false), TokenCache::key("token", true));
    EXPECT_NE(TokenCache::key("token", false), TokenCache::key("toke", false));
}

TEST(TokenCache, DropsWhatWasUsedLongestAgo)
{
    TokenCache cache(2);
    const auto now = TokenCache::Clock::now();
    const auto a = TokenCache::key("a", false);
    const auto b = TokenCache::key("b", false);
    const auto c = TokenCache::key("c", false);
    cache.keep(a, facts("a"), now + 1s);
    cache.keep(b, facts("b"), now + 1s);
    EXPECT_TRUE(cache.find(a, now));
    cache.keep(c, facts("c"), now + 1s);
    EXPECT_TRUE(cache.find(a, now));
    EXPECT_FALSE(cache.find(b, now));
    cache.keep(c, facts("d"), now + 1s);
    EXPECT_TRUE(cache.find(a, now));
    EXPECT_EQ((*cache.find(c, now))->user_id, "d");
}

}  // namespace
}  // namespace unikernel
