// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "builder_service/builds/locations.hh"
#include "builder_service/repositories/module_repositories.hh"
#include "common/util/result.hh"

namespace unikernel::cli
{

/// The module repositories that a build in this process uses: those of the configuration file, if there is
/// one; other sections of it are the service's. Nothing is fetched yet. Errors: invalid.
Result<std::unique_ptr<ModuleRepositories>> local_repositories(const Locations& locations);

}  // namespace unikernel::cli
