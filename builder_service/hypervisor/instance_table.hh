// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "builder_service/hypervisor/hypervisor.hh"

namespace unikernel
{

/// What is known of the guests of one connection. libvirt forgets a guest that was not defined
/// persistently when it ends; this table remembers. Filled by callers and by libvirt's event thread;
/// thread-safe.
class InstanceTable
{
public:
    /// Enters a guest about to start. False if one of that name is running.
    bool enter(const std::string& name);
    void forget(const std::string& name);
    void update(const InstanceInfo& info);
    std::optional<InstanceInfo> find(const std::string& name) const;

    /// A life-cycle event. Guests that nobody entered are not ours and are ignored; an end is final.
    void set_state(const std::string& name, InstanceState state);
    /// The connection broke: nothing more will be heard of those that still ran.
    void lose_all();

    /// Waits until the state is neither running nor known otherwise; nothing when `limit` is over or
    /// `stop` was requested.
    std::optional<InstanceState> wait(const std::string& name, std::chrono::milliseconds limit,
                                      const std::stop_token& stop) const;
    void on_change(std::function<void(const std::string&, InstanceState)> callback);

private:
    mutable std::mutex mutex_;
    mutable std::condition_variable_any changed_;
    std::map<std::string, InstanceInfo> instances_;
    std::vector<std::function<void(const std::string&, InstanceState)>> callbacks_;
};

}  // namespace unikernel
