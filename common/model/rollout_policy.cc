// SPDX-License-Identifier: Apache-2.0
#include "common/model/rollout_policy.hh"

#include <algorithm>

namespace unikernel
{

namespace
{

/// What either holds, sorted, each once.
template <typename Item>
std::vector<Item> all_of_both(std::vector<Item> a, const std::vector<Item>& b)
{
    a.insert(a.end(), b.begin(), b.end());
    std::sort(a.begin(), a.end());
    a.erase(std::unique(a.begin(), a.end()), a.end());
    return a;
}

/// Of those that are there.
template <typename Value>
std::optional<Value> smaller(const std::optional<Value>& a, const std::optional<Value>& b)
{
    return a && b ? std::min(a, b) : std::max(a, b);
}

bool begins_on(const MaintenanceWindow& window, std::chrono::sys_days day)
{
    return window.days.empty() || window.days.contains(std::chrono::weekday(day).c_encoding());
}

bool open(const MaintenanceWindow& window, std::chrono::system_clock::time_point now)
{
    const auto today = std::chrono::floor<std::chrono::days>(now);
    const auto since_midnight = now - today;
    if (window.from < window.to) {
        return begins_on(window, today) && since_midnight >= window.from && since_midnight < window.to;
    }
    return (begins_on(window, today) && since_midnight >= window.from) ||
           (begins_on(window, today - std::chrono::days(1)) && since_midnight < window.to);
}

}  // namespace

std::string to_text(const HealthCheck& check)
{
    const std::string port = " port " + std::to_string(check.port);
    switch (check.kind) {
    case HealthCheck::Kind::http:
        return "http" + port + " path " + check.path + " status " + std::to_string(check.status);
    case HealthCheck::Kind::tcp:
        return "tcp" + port;
    case HealthCheck::Kind::console:
        break;
    }
    return "console \"" + check.marker + "\"";
}

RolloutRules stricter(const RolloutRules& a, const RolloutRules& b)
{
    // An optional without a value is less than any other.
    return {std::max(a.canary, b.canary), smaller(a.parallel, b.parallel), std::max(a.pause, b.pause),
            smaller(a.within, b.within),  all_of_both(a.health, b.health), all_of_both(a.windows, b.windows)};
}

RolloutPolicy::RolloutPolicy(const RolloutRules& rules) : health(rules.health), windows(rules.windows)
{
    canary = rules.canary.value_or(canary);
    parallel = rules.parallel.value_or(parallel);
    pause = rules.pause.value_or(pause);
    within = rules.within.value_or(within);
}

bool open(const RolloutPolicy& policy, std::chrono::system_clock::time_point now)
{
    return std::all_of(policy.windows.begin(), policy.windows.end(), [&](const auto& windows) {
        return windows.empty() || std::any_of(windows.begin(), windows.end(),
                                              [&](const auto& window) { return open(window, now); });
    });
}

std::vector<HealthCheck> checks_of(const RolloutPolicy& policy)
{
    if (!policy.health.empty()) {
        return policy.health;
    }
    HealthCheck sealed;
    sealed.marker = "u0: sealed";
    return {sealed};
}

}  // namespace unikernel
