// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/util/result.hh"

namespace unikernel
{

/// Kernel limits of a child (setrlimit); absent ones are inherited.
struct ProcessLimits {
    std::optional<std::uint64_t> cpu_seconds;
    std::optional<std::uint64_t> address_space;  ///< bytes
    std::optional<std::uint64_t> file_size;      ///< bytes of one file
    /// At once. Not set here, where it would count all of the user's: the sandbox that is run sets it inside.
    std::optional<std::uint64_t> processes;
    std::optional<std::uint64_t> open_files;
    std::optional<std::uint64_t> core_size;
};

struct ProcessResult {
    enum class End { exited, signalled, timed_out, output_limit, cancelled };
    End end = End::exited;
    int status = 0;     ///< exit status, or the signal's number
    std::string out;    ///< standard output
    std::string error;  ///< standard error
    bool ok() const { return end == End::exited && status == 0; }
};

/// What to run and within which bounds; plain data, so that every tool's command line can be tested
/// without running it. No shell is involved.
struct ProcessSpecification {
    std::filesystem::path program;                   ///< looked up in PATH unless it has a slash
    std::vector<std::string> arguments;              ///< without argv[0]
    std::map<std::string, std::string> environment;  ///< the whole of it; nothing is inherited
    std::filesystem::path working_directory;         ///< empty: the caller's
    std::string input;                               ///< standard input; at most 64 KiB
    ProcessLimits limits;
    std::chrono::milliseconds time_limit{60'000};
    std::uint64_t output_limit = 1ULL << 20;  ///< bytes of both streams together

    /// For messages and logs: words as they could be typed, quoted where needed.
    std::string command_line() const;
};

/// Runs it as leader of a process group of its own, which is killed as a whole when it ends, when
/// time or output runs out, or when `stop` is requested. The child also dies with the calling
/// thread. Thread-safe. Errors: not_found (no such program), internal (cannot start it).
Result<ProcessResult> run(const ProcessSpecification& specification, const std::stop_token& stop = {});

}  // namespace unikernel
