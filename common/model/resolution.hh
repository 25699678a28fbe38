// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "common/model/module.hh"
#include "common/model/specification.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// The closure of what is wanted under requires(m), in an order in which Algorithm 1 can install it: what is
/// required comes first, and among equals the order of names, so that it depends on the set alone.
///
/// Of each name one version is chosen, the best that the ranges admit (Repository::find). Nothing is in the
/// result that nobody needs. A required virtual name is met by a module that is there for another reason,
/// else by the only provider that is possible; where several are, nobody's choice is guessed. Conflicts count
/// in both directions. With a `lock` only its versions are chosen from.
///
/// Errors: unresolvable, in sentences: who asked for what, what is missing, conflicting, ambiguous or
/// circular, and what could be changed; unavailable (check_lost).
Result<std::vector<ModulePtr>> resolve(const Repository& repository, const std::string& platform,
                                       const WantedModules& wanted, const Lock& lock = {});

}  // namespace unikernel
