// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <thread>

namespace unikernel
{

/// libvirt's event loop on a thread of its own, one for all connections of the process, until it exits.
/// Must run before the first connection is opened.
class EventLoop
{
public:
    static void ensure();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;
    ~EventLoop();

private:
    EventLoop();

    std::atomic<bool> ending_ = false;
    int timer_ = -1;
    std::thread thread_;
};

}  // namespace unikernel
