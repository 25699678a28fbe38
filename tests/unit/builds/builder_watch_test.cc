// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/builder_watch.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder_service/builds/build_repository.hh"
#include "tests/unit/database/test_database.hh"

namespace unikernel
{
namespace
{

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class BuilderWatchTest : public test::OnEachEngine
{
protected:
    std::vector<std::string> silent() { return watch_.look().value(); }

    BuilderRepository builders_{*database_};
    std::chrono::steady_clock::time_point now_{1h};
    BuilderWatch watch_{builders_, "here", 30s, [this] { return now_; }};
};

TEST_P(BuilderWatchTest, a_builder_that_says_nothing_for_a_lease_is_silent)
{
    ASSERT_TRUE(builders_.beat("there"));
    EXPECT_THAT(silent(), IsEmpty());
    now_ += 29s;
    EXPECT_THAT(silent(), IsEmpty());
    now_ += 1s;
    EXPECT_THAT(silent(), ElementsAre("there"));
    EXPECT_THAT(silent(), IsEmpty()) << "it is told once in a lease";
    watch_.forget("there");
    now_ += 30s;
    EXPECT_THAT(silent(), IsEmpty());
}

TEST_P(BuilderWatchTest, a_builder_that_counts_on_is_alive)
{
    for (int n = 0; n < 10; ++n) {
        ASSERT_TRUE(builders_.beat("there"));
        EXPECT_THAT(silent(), IsEmpty());
        now_ += 29s;
    }
    ASSERT_TRUE(builders_.leave("there"));
    now_ += 30s;
    EXPECT_THAT(silent(), IsEmpty()) << "it has taken leave";
}

TEST_P(BuilderWatchTest, one_that_runs_a_build_and_never_counted_is_watched_too)
{
    BuildRepository builds(*database_);
    BuildRecord build;
    build.id = "a";
    ASSERT_TRUE(builds.add(build));
    ASSERT_TRUE(builds.claim("there"));
    EXPECT_THAT(silent(), IsEmpty());
    now_ += 30s;
    EXPECT_THAT(silent(), ElementsAre("there"));
}

TEST_P(BuilderWatchTest, time_in_which_the_database_was_away_does_not_count)
{
    ASSERT_TRUE(builders_.beat("there"));
    EXPECT_THAT(silent(), IsEmpty());
    const auto sql = test_database_.engine()->connect();
    *sql << "ALTER TABLE builders RENAME TO elsewhere";
    now_ += 30s;
    EXPECT_FALSE(watch_.look());
    *sql << "ALTER TABLE elsewhere RENAME TO builders";
    EXPECT_THAT(silent(), IsEmpty());
    now_ += 30s;
    EXPECT_THAT(silent(), ElementsAre("there"));
}

INSTANTIATE_TEST_SUITE_P(Engines, BuilderWatchTest, test::each_engine, test::engine_name);

}  // namespace
}  // namespace unikernel
