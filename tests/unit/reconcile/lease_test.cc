// SPDX-License-Identifier: Apache-2.0
#include "builder_service/reconcile/lease.hh"

#include <gtest/gtest.h>

#include "common/util/temporary_directory.hh"
#include "tests/unit/database/test_database.hh"

namespace unikernel
{
namespace
{

using namespace std::chrono_literals;

class LeaseTest : public test::OnEachEngine
{
protected:
    Clock clock()
    {
        return {[this] { return wall_; }, [this] { return steady_; }};
    }
    void pass(std::chrono::milliseconds time)
    {
        wall_ += time;
        steady_ += time;
    }
    /// Whether it may store something.
    bool stores(const Lease& lease)
    {
        return database_->transact(false, [&](soci::session& sql) { lease.require(sql); }).has_value();
    }

    std::chrono::system_clock::time_point wall_ = std::chrono::system_clock::from_time_t(1'790'000'000);
    std::chrono::steady_clock::time_point steady_{1h};
    Lease one_{*database_, "one", 30s, clock()};
    Lease two_{*database_, "two", 30s, clock()};
};

TEST_P(LeaseTest, has_one_holder)
{
    EXPECT_FALSE(stores(one_));
    EXPECT_TRUE(*one_.keep());
    EXPECT_FALSE(*two_.keep());
    EXPECT_TRUE(stores(one_));
    EXPECT_FALSE(stores(two_));
}

TEST_P(LeaseTest, stays_with_who_renews_it)
{
    for (int n = 0; n < 20; ++n) {
        EXPECT_TRUE(*one_.keep());
        EXPECT_FALSE(*two_.keep());
        pass(9s);
    }
}

TEST_P(LeaseTest, is_taken_over_when_it_ran_out_and_the_old_holder_stores_nothing_further)
{
    EXPECT_TRUE(*one_.keep());
    pass(31s);
    EXPECT_TRUE(*two_.keep());
    EXPECT_FALSE(stores(one_));
    EXPECT_FALSE(*one_.keep());
    EXPECT_TRUE(stores(two_));
}

TEST_P(LeaseTest, is_given_back)
{
    EXPECT_TRUE(*one_.keep());
    one_.give_back();
    EXPECT_FALSE(stores(one_));
    EXPECT_TRUE(*two_.keep());
}

TEST_P(LeaseTest, goes_on_at_once_for_its_holder_after_a_restart)
{
    EXPECT_TRUE(*one_.keep());
    Lease again(*database_, "one", 30s, clock());
    EXPECT_TRUE(*again.keep());
    EXPECT_TRUE(stores(again));
    EXPECT_FALSE(stores(one_)) << "the process of before, should it still be there, does nothing further";
}

TEST_P(LeaseTest, is_taken_over_although_the_clock_jumped_back)
{
    EXPECT_TRUE(*one_.keep());
    wall_ -= 24h;
    EXPECT_FALSE(*two_.keep());
    steady_ += 29s;
    EXPECT_FALSE(*two_.keep());
    steady_ += 2s;
    EXPECT_TRUE(*two_.keep());
}

TEST_P(LeaseTest, lost_by_a_jump_forward_has_one_holder_all_the_same)
{
    EXPECT_TRUE(*one_.keep());
    wall_ += 24h;
    EXPECT_TRUE(*two_.keep());
    EXPECT_FALSE(stores(one_));
    steady_ += 11s;
    EXPECT_FALSE(*one_.keep());
}

INSTANTIATE_TEST_SUITE_P(Engines, LeaseTest, test::each_engine, test::engine_name);

}  // namespace
}  // namespace unikernel
