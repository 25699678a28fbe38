// SPDX-License-Identifier: Apache-2.0
#include "builder_service/hypervisor/instance_table.hh"

namespace unikernel
{

namespace
{

/// A service that lives for months must not remember every guest of its boot checks.
constexpr std::size_t remembered = 256;

bool is_final(InstanceState state)
{
    return state == InstanceState::shut_off || state == InstanceState::crashed ||
           state == InstanceState::gone;
}

}  // namespace

bool InstanceTable::enter(const std::string& name)
{
    const std::lock_guard lock(mutex_);
    const auto known = instances_.find(name);
    if (known != instances_.end() && !is_final(known->second.state)) {
        return false;
    }
    if (instances_.size() >= remembered) {
        std::erase_if(instances_, [](const auto& entry) { return is_final(entry.second.state); });
    }
    InstanceInfo info;
    info.name = name;
    info.state = InstanceState::running;
    instances_.insert_or_assign(name, info);
    return true;
}

void InstanceTable::forget(const std::string& name)
{
    const std::lock_guard lock(mutex_);
    instances_.erase(name);
}

void InstanceTable::update(const InstanceInfo& info)
{
    const std::lock_guard lock(mutex_);
    InstanceInfo& known = instances_[info.name];
    const InstanceState state = known.name.empty() ? info.state : known.state;
    known = info;
    known.state = state;  // events are newer than what a caller asked before
}

std::optional<InstanceInfo> InstanceTable::find(const std::string& name) const
{
    const std::lock_guard lock(mutex_);
    const auto known = instances_.find(name);
    return known == instances_.end() ? std::nullopt : std::optional(known->second);
}

void InstanceTable::set_state(const std::string& name, InstanceState state)
{
    std::vector<std::function<void(const std::string&, InstanceState)>> callbacks;
    {
        const std::lock_guard lock(mutex_);
        const auto known = instances_.find(name);
        if (known == instances_.end() || known->second.state == state || is_final(known->second.state)) {
            return;
        }
        known->second.state = state;
        callbacks = callbacks_;
    }
    changed_.notify_all();
    for (const auto& callback : callbacks) {
        callback(name, state);
    }
}

void InstanceTable::lose_all()
{
    std::vector<std::string> names;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [name, info] : instances_) {
            names.push_back(name);
        }
    }
    for (const std::string& name : names) {
        set_state(name, InstanceState::gone);
    }
}

std::optional<InstanceState> InstanceTable::wait(const std::string& name, std::chrono::milliseconds limit,
                                                 const std::stop_token& stop) const
{
    std::unique_lock lock(mutex_);
    InstanceState state = InstanceState::gone;
    const bool ended = changed_.wait_for(lock, stop, limit, [&] {
        const auto known = instances_.find(name);
        state = known == instances_.end() ? InstanceState::gone : known->second.state;
        return state != InstanceState::running;
    });
    return ended ? std::optional(state) : std::nullopt;
}

void InstanceTable::on_change(std::function<void(const std::string&, InstanceState)> callback)
{
    const std::lock_guard lock(mutex_);
    callbacks_.push_back(std::move(callback));
}

}  // namespace unikernel
