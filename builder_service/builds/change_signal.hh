// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <utility>

namespace unikernel
{

/// "Something was stored": wakes up those who show builds to people. Thread-safe.
class ChangeSignal
{
public:
    void raise()
    {
        const std::scoped_lock lock(mutex_);
        ++count_;
        changed_.notify_all();
    }
    /// Waits for a change after `seen`, at most `limit`; answers the count, the next `seen`.
    std::uint64_t wait(std::uint64_t seen, std::chrono::milliseconds limit, std::stop_token stop)
    {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::move(stop), limit, [&] { return count_ != seen; });
        return count_;
    }

private:
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::uint64_t count_ = 0;
};

}  // namespace unikernel
