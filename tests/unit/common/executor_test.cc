// SPDX-License-Identifier: Apache-2.0
#include "common/util/executor.hh"

#include <atomic>
#include <chrono>
#include <latch>
#include <thread>

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

TEST(Executor, DropsWhatWasNotBegunWhenItIsDestroyed)
{
    std::latch begun(1);
    std::atomic<bool> ended{false};
    std::atomic<int> after{0};
    {
        Executor executor(1, 10);
        EXPECT_TRUE(executor.post([&] {
            begun.count_down();
            std::this_thread::sleep_for(std::chrono::milliseconds(300));  // the destructor is waiting then
            ended = true;
        }));
        for (int n = 0; n < 5; ++n)
            EXPECT_TRUE(executor.post([&] { ++after; }));
        begun.wait();
    }
    EXPECT_TRUE(ended);
    EXPECT_EQ(after, 0);
}

}  // namespace
}  // namespace unikernel
