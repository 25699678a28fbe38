// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/model/module.hh"
#include "common/model/specification.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Nothing is resolved to another module in silence: refuses what a repository that cannot be used now could
/// have decided. That is every name that is asked for, or that a version of a module that could be chosen
/// requires, unless a pin or the lock says that it comes from another repository. Errors: unavailable, with a
/// sentence that names the repository, its reason, and the module.
Result<void> check_lost(const Repository& repository, const WantedModules& wanted, const Lock& lock = {});

}  // namespace unikernel
