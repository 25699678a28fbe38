// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/local_repositories.hh"

#include "common/util/settings_file.hh"

namespace unikernel::cli
{

Result<std::unique_ptr<ModuleRepositories>> local_repositories(const Locations& locations)
{
    ModuleRepositories::Settings settings;
    settings.builtin = locations.modules;
    settings.cache = locations.cache / "repositories";
    std::error_code ignored;
    const bool named = locations.config != default_locations().config;  // else there need be none
    if (named || std::filesystem::exists(locations.config, ignored)) {
        const auto file = read_settings_file(locations.config);
        if (!file) {
            return tl::unexpected(file.error());
        }
        auto repositories = repositories_settings(*file);
        if (!repositories) {
            return tl::unexpected(repositories.error());
        }
        settings.repositories = std::move(*repositories);
    }
    return std::make_unique<ModuleRepositories>(std::move(settings));
}

}  // namespace unikernel::cli
