// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "common/util/process.hh"

namespace unikernel
{

/// A tool that handles a tenant's files, seen from inside the sandbox. All paths a tool can print or
/// write into an object are fixed (/build/...), so that results do not depend on the host's.
struct SandboxedTool {
    std::filesystem::path program;  ///< absolute, inside: /usr/bin/...
    std::vector<std::string> arguments;
    std::filesystem::path working_directory = "/build";
    /// Host path -> path inside.
    std::map<std::filesystem::path, std::string> read_only;
    std::map<std::filesystem::path, std::string> writable;
};

struct SandboxLimits {
    std::chrono::milliseconds time{120'000};  ///< wall clock; CPU time is bounded by the same
    std::uint64_t memory = 2ULL << 30;        ///< bytes of address space per process, and of tmpfs
    std::uint32_t processes = 64;
    std::uint64_t output = 1ULL << 20;       ///< bytes the tool may print
    std::uint64_t file_size = 256ULL << 20;  ///< bytes of one file it writes
    std::uint32_t open_files = 256;
};

/// The tool as a process in bubblewrap: new user, PID, network (none), IPC, UTS and cgroup namespaces;
/// of the host it sees /usr and the links into it read-only, what `tool` names, and an empty /tmp. It
/// has no capability, cannot gain privileges, gets a fixed environment, and ends with its parent.
/// Pure; run it with run().
ProcessSpecification sandboxed(const SandboxedTool& tool, const SandboxLimits& limits);

/// Errors: unavailable, with what to install or to allow, if a sandbox cannot be made on this host.
Result<void> check_sandbox();

}  // namespace unikernel
