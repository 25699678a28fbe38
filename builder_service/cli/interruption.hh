// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <stop_token>
#include <thread>

namespace unikernel::cli
{

/// Ctrl-C, SIGTERM and SIGHUP as a stop token. The second one stops more than the first: `again` is
/// requested; the third ends the process at once.
class Interruption
{
public:
    /// Blocks the signals for the calling thread and those it starts. Call first in main.
    static void prepare();

    Interruption();
    ~Interruption();
    Interruption(const Interruption&) = delete;
    Interruption& operator=(const Interruption&) = delete;

    std::stop_token token() const { return first_.get_token(); }
    std::stop_token again() const { return second_.get_token(); }

private:
    std::stop_source first_, second_;
    std::jthread listener_;
};

}  // namespace unikernel::cli
