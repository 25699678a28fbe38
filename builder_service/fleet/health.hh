// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>

#include "common/model/rollout_policy.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Where a probe goes.
struct ProbeTarget {
    std::string address;  ///< IPv4 or IPv6, no name
    std::uint16_t port = 0;
};

/// How long one probe takes at most, whatever the other end does.
inline constexpr std::chrono::milliseconds probe_limit{3000};
/// For so long a new connection must stay open. Something between (QEMU's user-mode network, a proxy) may
/// take it for a guest that then refuses it.
inline constexpr std::chrono::milliseconds open_time{250};

/// Connects; healthy if the other end does not close the connection at once. Sends nothing.
/// Errors: unavailable, in a sentence; invalid (no address); cancelled.
Result<void> probe_tcp(const ProbeTarget& target, std::stop_token stop,
                       std::chrono::milliseconds limit = probe_limit);

/// GET `path`; healthy if the answer's status is `status`. Redirects are not followed, and of the answer
/// only its head is read (16 KiB at most). Errors: as probe_tcp.
Result<void> probe_http(const ProbeTarget& target, const std::string& path, int status, std::stop_token stop,
                        std::chrono::milliseconds limit = probe_limit);

/// Healthy if `marker` is in `console`. Errors: unavailable, with the console's last line.
Result<void> probe_console(std::string_view console, const std::string& marker);

/// HTTP or TCP, as `check` says. Errors: also invalid, for a check of the console.
Result<void> probe(const ProbeTarget& target, const HealthCheck& check, std::stop_token stop);

/// A console log as probes want it: the whole of a short one, beginning and end of one over 4 MiB (a guest
/// may write without end). Empty if there is none.
std::string read_console(const std::filesystem::path& file);

}  // namespace unikernel
