// SPDX-License-Identifier: Apache-2.0
#include "builder_service/platforms/platform.hh"

#include "builder_service/platforms/u0/u0.hh"

namespace unikernel
{

std::vector<std::unique_ptr<Platform>> make_platforms(const std::filesystem::path& folder,
                                                      const std::filesystem::path& cache)
{
    std::vector<std::unique_ptr<Platform>> platforms;
    platforms.push_back(u0::make_platform(folder / "u0", cache));
    return platforms;
}

}  // namespace unikernel
