// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "builder_service/pipeline/pipeline.hh"

namespace unikernel
{

namespace
{

constexpr std::array<std::string_view, 15> states{
    "queued",         "running",     "succeeded",           "rejected",    "unresolvable",
    "compile-failed", "link-failed", "verification-failed", "boot-failed", "timed-out",
    "log-limit",      "disk-full",   "publish-failed",      "cancelled",   "failed"};
constexpr std::array<std::string_view, 9> phases{"plan",   "resolve", "generate", "compile", "link",
                                                 "verify", "boot",    "store",    "publish"};

}  // namespace

std::string_view to_string(BuildState state)
{
    return states[static_cast<std::size_t>(state)];
}

std::optional<BuildState> build_state(std::string_view text)
{
    const auto* found = std::find(states.begin(), states.end(), text);
    return found == states.end() ? std::nullopt
                                 : std::optional(static_cast<BuildState>(found - states.begin()));
}

std::string_view to_string(Phase phase)
{
    return phases[static_cast<std::size_t>(phase)];
}

}  // namespace unikernel
