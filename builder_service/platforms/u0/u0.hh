// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include "builder_service/platforms/platform.hh"

namespace unikernel::u0
{

/// The embedded default platform. `folder` holds platform.yaml, link.ld and the core's sources.
std::unique_ptr<Platform> make_platform(std::filesystem::path folder, std::filesystem::path cache);

}  // namespace unikernel::u0
