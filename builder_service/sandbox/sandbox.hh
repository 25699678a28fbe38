// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "common/util/process.hh"

namespace unikernel
{

/// A tool that handles a tenant's files, seen from inside the sandbox. All paths a tool can print or
/// write into an object are fixed (/build/...), so that results do not depend on the host's.
struct SandboxedTool {
    std::filesystem::path program;  ///< absolute, inside: /usr/bin/...
    std::vector<std::string> arguments;
    std::filesystem::path working_directory = "/build";
    /// Host path -> path inside. Under SandboxLimits::user what is read must be readable for everyone (not
    /// the folders above it).
    std::map<std::filesystem::path, std::string> read_only;
    /// The same, of files that make_output made. No folder: in one a tool could make any number of files.
    std::map<std::filesystem::path, std::string> writable;
};

struct SandboxLimits {
    std::chrono::milliseconds time{120'000};  ///< wall clock; CPU time is bounded by the same
    std::uint64_t memory = 2ULL << 30;        ///< bytes of address space per process, and of /tmp
    std::uint32_t processes = 64;             ///< at once; the sandbox's own is one of them
    std::uint64_t output = 1ULL << 20;        ///< bytes the tool may print
    std::uint64_t file_size = 256ULL << 20;   ///< bytes of one file it writes
    std::uint32_t open_files = 256;
    std::optional<uid_t> user;  ///< of the host, as whom the tool runs; absent: as this process's
};

/// The tool as a process in bubblewrap: new user, PID, network (none), IPC, UTS and cgroup namespaces;
/// of the host it sees /usr and the links into it read-only, what `tool` names, and an empty /tmp, the only
/// folder that it can write to. It has no capability, cannot gain privileges, gets a fixed environment, and
/// ends with its parent. Pure; run it with run().
ProcessSpecification sandboxed(const SandboxedTool& tool, const SandboxLimits& limits);

/// Makes an empty file for a tool to write, `user`'s if there is one. Errors: no_space, internal.
Result<void> make_output(const std::filesystem::path& file, std::optional<uid_t> user);

/// How well tools can be confined on this host.
struct Confinement {
    std::optional<uid_t> user;       ///< for SandboxLimits
    bool processes_bounded = false;  ///< whether SandboxLimits::processes holds
    std::string text;                ///< for people: what is so, and if something is missing, why
};

/// Tries it once in a process: the kernel exempts the host's root from the bound on processes, so a process
/// of root has its tools run as a user of their own, if the host allows that. Thread-safe.
/// Errors: unavailable, with what to install or to allow, if a sandbox cannot be made.
Result<Confinement> confinement();

}  // namespace unikernel
