// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/locations.hh"

#include <cstdlib>

#include <unistd.h>

namespace unikernel::cli
{

namespace fs = std::filesystem;

namespace
{

std::string environment(const char* name)
{
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

bool holds_data(const fs::path& folder)
{
    std::error_code ignored;
    return fs::is_directory(folder / "modules", ignored) && fs::is_directory(folder / "platforms", ignored);
}

fs::path find_data()
{
    if (const std::string named = environment("UNIKERNEL_DATA"); !named.empty()) {
        return named;
    }
    std::error_code ignored;
    const fs::path program = fs::read_symlink("/proc/self/exe", ignored).parent_path();
    if (const fs::path installed = program.parent_path() / "share/unikernel"; holds_data(installed)) {
        return installed;
    }
    for (fs::path folder = program; folder.has_relative_path(); folder = folder.parent_path()) {
        if (holds_data(folder / "builder_service")) {
            return folder / "builder_service";
        }
    }
    return {};
}

}  // namespace

fs::path state_folder(const std::string& state)
{
    if (!state.empty()) {
        return fs::absolute(state);
    }
    if (const std::string named = environment("UNIKERNEL_STATE"); !named.empty()) {
        return fs::absolute(named);
    }
    if (geteuid() == 0) {
        return "/var/lib/unikernel";
    }
    if (const std::string folder = environment("XDG_STATE_HOME"); !folder.empty()) {
        return fs::path(folder) / "unikernel";
    }
    return fs::path(environment("HOME")) / ".local/state/unikernel";
}

fs::path cache_folder()
{
    const std::string named = environment("XDG_CACHE_HOME");
    return (named.empty() ? fs::path(environment("HOME")) / ".cache" : fs::path(named)) / "unikernel";
}

Result<Locations> find_locations(const std::string& state)
{
    const fs::path data = find_data();
    if (!holds_data(data)) {
        return fail(FailureKind::not_found,
                    data.empty()
                        ? "the module repository is neither in ../share/unikernel beside this program nor "
                          "in a source tree above it; set UNIKERNEL_DATA to the folder that holds "
                          "modules/ and platforms/"
                        : "UNIKERNEL_DATA: there are no modules/ and platforms/ in " + data.native());
    }
    return Locations{state_folder(state), cache_folder(), data / "modules", data / "platforms"};
}

}  // namespace unikernel::cli
