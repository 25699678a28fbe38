// SPDX-License-Identifier: Apache-2.0
#include "common/util/executor.hh"

#include <atomic>
#include <latch>

#include <gtest/gtest.h>

namespace unikernel
{
namespace
{

TEST(Executor, RunsWhatItTook)
{
    std::atomic<int> done{0};
    std::latch all(20);
    Executor executor(3, 100);
    for (int n = 0; n < 20; ++n)
        EXPECT_TRUE(executor.post([&] {
            ++done;
            all.count_down();
        }));
    all.wait();
    EXPECT_EQ(done, 20);
}

TEST(Executor, RefusesWhatDoesNotFit)
{
    std::latch begun(1);
    std::latch go_on(1);
    Executor executor(1, 2);
    EXPECT_TRUE(executor.post([&] {
        begun.count_down();
        go_on.wait();
    }));
    begun.wait();
    EXPECT_TRUE(executor.post([] {}));
    EXPECT_TRUE(executor.post([] {}));
    EXPECT_FALSE(executor.post([] {}));
    go_on.count_down();
}

}  // namespace
}  // namespace unikernel
