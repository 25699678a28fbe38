// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "common/util/process.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// How many bytes the tools of one build may still print, all together. Thread-safe.
class OutputBudget
{
public:
    explicit OutputBudget(std::uint64_t bytes) : total_(bytes), left_(static_cast<std::int64_t>(bytes)) {}
    std::uint64_t left() const { return static_cast<std::uint64_t>(std::max<std::int64_t>(left_.load(), 0)); }
    std::uint64_t total() const { return total_; }
    void spend(std::uint64_t bytes) { left_ -= static_cast<std::int64_t>(bytes); }

private:
    std::uint64_t total_;
    std::atomic<std::int64_t> left_;
};

/// Runs a build tool within the budget and gives what it printed, both streams. `what` begins messages
/// ("compiling server.cc"). Errors: invalid, with the tool's words, if it refused its input; timed_out,
/// too_large (printed too much), cancelled, no_space, unavailable (the sandbox or the tool itself).
Result<std::string> run_tool(ProcessSpecification tool, const std::string& what, OutputBudget& budget,
                             const std::stop_token& stop);

/// The command that brings third-party sources into the folder `sources`: the script installed beside this
/// program, else the source tree's.
std::string fetch_sources_command(const std::filesystem::path& sources);

}  // namespace unikernel
