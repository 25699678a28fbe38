// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "builder_service/reconcile/clock.hh"

namespace unikernel
{

/// How long this process has known of something, by the steady clock. Used by one thread.
class Stopwatch
{
public:
    explicit Stopwatch(Clock clock) : clock_(std::move(clock)) {}

    /// Since the first question for this key.
    std::chrono::milliseconds elapsed(const std::string& key)
    {
        return since(begun_.try_emplace(key, clock_.steady()).first->second);
    }
    /// Since `restart`; nothing if that was not.
    std::optional<std::chrono::milliseconds> known(const std::string& key) const
    {
        const auto found = begun_.find(key);
        return found == begun_.end() ? std::nullopt : std::optional(since(found->second));
    }
    void restart(const std::string& key) { begun_[key] = clock_.steady(); }
    void forget(const std::string& key) { begun_.erase(key); }
    /// All keys that begin so.
    void forget_all(const std::string& prefix)
    {
        std::erase_if(begun_, [&](const auto& each) { return each.first.starts_with(prefix); });
    }

private:
    std::chrono::milliseconds since(std::chrono::steady_clock::time_point begin) const
    {
        return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady() - begin);
    }

    const Clock clock_;
    std::map<std::string, std::chrono::steady_clock::time_point> begun_;
};

}  // namespace unikernel
