// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace unikernel
{

/// Where the builder keeps and finds things unless it is told otherwise.
struct Locations {
    std::filesystem::path state;      ///< ${XDG_STATE_HOME:-~/.local/state}/unikernel
    std::filesystem::path cache;      ///< ${XDG_CACHE_HOME:-~/.cache}/unikernel
    std::filesystem::path config;     ///< ${XDG_CONFIG_HOME:-~/.config}/unikernel/unikernel-builder.conf
    std::filesystem::path modules;    ///< folder of module folders
    std::filesystem::path platforms;  ///< folder of platform folders
};

/// From the environment and from where this program is: modules and platforms lie below $UNIKERNEL_DATA if
/// that is set (the way to try modules of one's own), else in ../share/os-unikernel beside an installed
/// program, else in the source tree it was built from.
Locations default_locations();

}  // namespace unikernel
