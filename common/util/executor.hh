// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace unikernel
{

/// A fixed number of threads and a bounded queue of work. Thread-safe. The destructor waits
/// for what was begun and drops what was not.
class Executor
{
public:
    Executor(unsigned threads, std::size_t most_waiting) : most_waiting_(most_waiting)
    {
        for (unsigned n = 0; n < threads; ++n)
            threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    }
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;

    /// False: the queue is full and `task` was not taken. Tasks must not throw.
    bool post(std::function<void()> task)
    {
        const std::scoped_lock lock(mutex_);
        if (waiting_.size() >= most_waiting_)
            return false;
        waiting_.push_back(std::move(task));
        changed_.notify_one();
        return true;
    }

private:
    void work(const std::stop_token& stop)
    {
        for (;;) {
            std::function<void()> task;
            {
                std::unique_lock lock(mutex_);
                changed_.wait(lock, stop, [this] { return !waiting_.empty(); });
                if (stop.stop_requested())
                    return;
                task = std::move(waiting_.front());
                waiting_.pop_front();
            }
            task();
        }
    }

    const std::size_t most_waiting_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<std::function<void()>> waiting_;
    std::vector<std::jthread> threads_;  // last: it uses all of the above
};

}  // namespace unikernel
