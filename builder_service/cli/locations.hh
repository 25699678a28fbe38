// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "common/util/result.hh"

namespace unikernel::cli
{

/// Where things are on this machine.
struct Locations {
    std::filesystem::path state;    ///< images, shared with the service's default
    std::filesystem::path cache;    ///< objects and third-party sources (tools/fetch-sources.sh)
    std::filesystem::path modules;  ///< the module repository
    std::filesystem::path platforms;
};

/// `state` empty: $UNIKERNEL_STATE, else /var/lib/unikernel for root, else ~/.local/state/unikernel.
/// Modules and platforms: below $UNIKERNEL_DATA, else in the source tree the program was built in, else in
/// ../share/unikernel beside the program. Errors: not_found, which says where was looked.
Result<Locations> find_locations(const std::string& state);

/// The state folder alone.
std::filesystem::path state_folder(const std::string& state);

/// $XDG_CACHE_HOME/unikernel, else ~/.cache/unikernel.
std::filesystem::path cache_folder();

}  // namespace unikernel::cli
