// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/locations.hh"

#include <cstdlib>
#include <string>

namespace unikernel
{

namespace fs = std::filesystem;

namespace
{

/// The XDG Base Directory Specification: a relative path in these variables is to be ignored.
fs::path xdg(const char* variable, const char* below_home)
{
    const char* given = std::getenv(variable);
    if (given != nullptr && *given == '/')
        return fs::path(given) / "unikernel";
    const char* home = std::getenv("HOME");
    return fs::path(home != nullptr && *home == '/' ? home : "/var/lib/unikernel") / below_home / "unikernel";
}

fs::path data_folder(const char* name)
{
    const char* given = std::getenv("UNIKERNEL_DATA");
    if (given != nullptr && *given == '/')
        return fs::path(given) / name;
    std::error_code code;
    const auto program = fs::read_symlink("/proc/self/exe", code);
    for (const auto& base : {program.parent_path().parent_path() / "share/os-unikernel",
                             fs::path(UNIKERNEL_SOURCE_DIR) / "builder_service"})
        if (fs::is_directory(base / name, code))
            return base / name;
    return fs::path(UNIKERNEL_DATA_DIR) / name;
}

}  // namespace

Locations default_locations()
{
    return {.state = xdg("XDG_STATE_HOME", ".local/state"),
            .cache = xdg("XDG_CACHE_HOME", ".cache"),
            .config = xdg("XDG_CONFIG_HOME", ".config") / "unikernel-builder.conf",
            .modules = data_folder("modules"),
            .platforms = data_folder("platforms")};
}

}  // namespace unikernel
