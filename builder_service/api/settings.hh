// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "builder_service/api/openstack_settings.hh"
#include "builder_service/hypervisor/firmware.hh"
#include "builder_service/repositories/repository_settings.hh"
#include "common/util/result.hh"

namespace unikernel::api
{

/// All an operator can set, from the command line or from unikernel-builder.conf
/// (`key = value` lines; the command line wins; unknown keys are refused).
struct Settings {
    enum class Identity { none, keystone };
    std::string listen;
    Identity identity = Identity::none;
    std::string public_url;             ///< without '/' at its end; empty: what each client calls the service
    std::filesystem::path policy_file;  ///< empty: the rules compiled in
    OpenStackSettings openstack;
    ReconcileKeys reconcile;
    DatabaseLocation database;
    RepositoriesSettings repositories;
    std::chrono::seconds repository_interval{0};  ///< between two looks at them
    std::filesystem::path port_file;              ///< empty: none
    std::filesystem::path state, cache, modules, platforms;
    std::filesystem::path artifacts;  ///< of bundles and images; `state` unless it was given
    unsigned workers = 1;
    std::size_t queue = 0;
    std::chrono::seconds build_time_limit{0};
    std::uint64_t log_limit = 0;  ///< bytes
    std::size_t keep_builds = 0;
    std::uint64_t project_bundles = 0;  ///< bytes
    std::uint64_t disk_reserve = 0;     ///< bytes
    std::chrono::seconds drain_time{0};
    bool boot_check = true;
    std::chrono::seconds boot_time_limit{0};
    std::string libvirt_uri;  ///< empty: whichever works
    Firmware firmware = Firmware::quickest;
    bool log_json = false;
    std::string log_level;

    bool prepare = false;    ///< fill the cache and end, instead of serving
    std::string only_print;  ///< not empty: print this (help, version) and end
};

/// This builder's name among those of its database: the same after each start, and no other's, since one
/// process at a time owns a state folder.
std::string builder_name(const Settings& settings);

/// Errors: invalid, naming the option or the file, the line's key, and what is possible.
Result<Settings> read_settings(int argc, const char* const* argv);

}  // namespace unikernel::api
