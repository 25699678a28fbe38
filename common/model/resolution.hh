// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "common/model/module.hh"
#include "common/model/specification.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// The closure of what is wanted under requires(m), in an order in which Algorithm 1 can install it:
/// what is required comes first, and among equals the order of names, so that it depends on the set alone.
///
/// A required virtual name is met by a wanted module that provides it, else by the only provider in the
/// repository. Conflicts count in both directions. Errors: unresolvable, in sentences: who asked for
/// what, what is missing, conflicting, ambiguous or circular, and what could be changed.
Result<std::vector<ModulePtr>> resolve(const Repository& repository, const std::string& platform,
                                       const WantedModules& wanted);

}  // namespace unikernel
