// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

/// How servers are moved to a new image: what the requirements' `rollout` says (doc: user/requirements.rst).
namespace unikernel
{

/// A time of the week at which servers may be replaced, in UTC.
struct MaintenanceWindow {
    std::set<unsigned> days;       ///< on which it begins, 0 = Sunday ... 6 = Saturday; empty: every day
    std::chrono::minutes from{0};  ///< since midnight
    std::chrono::minutes to{0};    ///< not after `from`: it ends on the next day

    bool operator==(const MaintenanceWindow&) const = default;
    bool operator<(const MaintenanceWindow& other) const
    {
        return std::tie(days, from, to) < std::tie(other.days, other.from, other.to);
    }
};

/// What a replaced server must show before the next one is touched.
struct HealthCheck {
    enum class Kind { http, tcp, console } kind = Kind::console;
    std::uint16_t port = 80;  ///< http, tcp: the guest's port
    std::string path = "/";   ///< http: what GET asks for
    int status = 200;         ///< http: of a healthy answer
    std::string marker;       ///< console: text that must be in the log of the boot that is running

    bool operator==(const HealthCheck&) const = default;
    bool operator<(const HealthCheck& other) const
    {
        return std::tie(kind, port, path, status, marker) <
               std::tie(other.kind, other.port, other.path, other.status, other.marker);
    }
};

/// "http port 80 path / status 200", "tcp port 80", "console \"u0: sealed\"".
std::string to_text(const HealthCheck& check);

/// What a requirement's `rollout` says; a key that it leaves out says nothing.
struct RolloutRules {
    std::optional<unsigned> canary, parallel;
    std::optional<std::chrono::seconds> pause, within;
    std::vector<HealthCheck> health;
    std::vector<std::vector<MaintenanceWindow>> windows;

    bool operator==(const RolloutRules&) const = default;
};

/// What holds when both do, key by key: more canaries, fewer at once, the longer pause, the shorter wait, the
/// checks of both and the windows of both; of a key that one of them leaves out, what the other says. The
/// order of the two, and saying one twice, makes no difference.
RolloutRules stricter(const RolloutRules& a, const RolloutRules& b);

/// How a rollout goes about it: rules, and for what they leave out these defaults.
struct RolloutPolicy {
    unsigned canary = 1;              ///< servers that are replaced first, one after another; 0: none
    unsigned parallel = 1;            ///< servers at once after that
    std::chrono::seconds pause{0};    ///< between a healthy server and the next
    std::chrono::seconds within{60};  ///< a server is healthy so soon after its replacement, or it failed
    std::vector<HealthCheck> health;  ///< all must hold
    /// One for each requirement that has windows: one of its windows must be open, of each requirement.
    std::vector<std::vector<MaintenanceWindow>> windows;

    RolloutPolicy() = default;
    explicit RolloutPolicy(const RolloutRules& rules);
    bool operator==(const RolloutPolicy&) const = default;
};

/// Whether servers may be replaced at this time.
bool open(const RolloutPolicy& policy, std::chrono::system_clock::time_point now);

/// The policy's checks, or, without any, that the guest says it has sealed itself.
std::vector<HealthCheck> checks_of(const RolloutPolicy& policy);

}  // namespace unikernel
