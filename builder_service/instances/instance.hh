// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "builder_service/hypervisor/hypervisor.hh"

namespace unikernel
{

/// A guest that the service keeps running, as it was asked for. All of it is stored.
struct Instance {
    std::string id;                     ///< UUID
    std::string name;                   ///< see instance_name_expression; of one instance at a time
    std::string image;                  ///< "sha256:<hex>"
    std::uint32_t memory_mib = 0;       ///< 0: the least its image needs
    std::string machine = "pc";         ///< or q35
    std::vector<PortForward> forwards;  ///< with the real host ports, once it ran
    std::vector<std::string> arguments;
    bool outbound = true;          ///< may it open connections
    bool pinned = false;           ///< its image is not to be replaced
    std::int64_t boots = 0;        ///< how many guests were started for it; numbers their console logs
    std::string created, updated;  ///< RFC 3339
};

inline constexpr const char* instance_name_expression = "[A-Za-z0-9][A-Za-z0-9._-]{0,47}";

/// An instance and how it is.
struct InstanceView {
    Instance instance;
    /// "running", "paused"; "shut off", "crashed": it ended by itself; "starting", "replacing", "stopping";
    /// "failed": it cannot be started, which is tried again, and `fault` says why.
    std::string status;
    bool settled = false;           ///< nothing is under way
    bool running = false;           ///< settled, and it runs
    std::string accelerator;        ///< "kvm", "tcg"; "" while it does not run
    std::uint32_t memory_mib = 0;   ///< that it runs with
    std::string fault;              ///< what went wrong last; for people
    std::filesystem::path console;  ///< log of the boot that is running or was the last
};

}  // namespace unikernel
