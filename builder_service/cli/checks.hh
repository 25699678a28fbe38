// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "builder_service/builds/locations.hh"

namespace unikernel::cli
{

/// One thing the product needs on this machine.
struct Check {
    enum class Verdict { ok, note, wrong };  ///< `note`: it works without
    std::string name;
    Verdict verdict = Verdict::ok;
    std::string detail;  ///< what was found, or what is wrong
    std::string fix;     ///< the command that mends it; empty if ok
};

Check check_tool(const std::string& program, const std::string& package);
Check check_static_library(const std::string& library, const std::string& package);
Check check_sandbox();
/// Two checks: libvirt, and the accelerator it can use.
std::vector<Check> check_hypervisor(const std::filesystem::path& state);
/// Each entry of the platform's sources.yaml must be in the cache.
Check check_sources(const Locations& locations);
Check check_modules(const Locations& locations);
/// One for each repository beside the builder's own, and one if the configuration cannot be read.
std::vector<Check> check_repositories(const Locations& locations);
Check check_disk(const std::filesystem::path& state);
Check check_service(const std::string& url);

}  // namespace unikernel::cli
