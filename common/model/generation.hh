// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "common/model/image.hh"
#include "common/model/module.hh"
#include "common/model/specification.hh"
#include "common/util/result.hh"

/// The generation part of the paper's Algorithm 1 (lines 2 to 20).
namespace unikernel
{

/// Line 5, Insert(imageSpecs, m): asks for the module, in a version within the range; asking twice changes
/// nothing but who asked, and the ranges add up.
void Insert(WantedModules& image_specs, const Dependency& module, const std::string& source);

/// Line 7, Insert(imageSpecs[m], c). Nothing is overwritten: who wants which value is kept, and Generate
/// settles it once the module's version, and with it C(m), is known.
void Insert(WantedModules& image_specs, const std::string& module, const Condition& c,
            const std::string& source);

/// Lines 4 to 9: the spec with all requirements that apply inserted. The order of `requirements` never
/// matters. Names of those that do not apply go to `skipped`. Errors: invalid (unknown module), unavailable
/// (it might be in a repository that cannot be used).
Result<WantedModules> merge(const Repository& repository, const ImageSpec& spec,
                            const std::vector<SecurityRequirement>& requirements,
                            std::vector<std::string>& skipped);

/// Whether the best version of each module that is asked for takes the values asked of it: for documents that
/// are checked before there is anything to generate from them. Errors: as merge and Generate.
Result<void> check_values(const Repository& repository, const WantedModules& wanted);

/// Lines 10 to 20: from u_0, each module in the given order is installed if IsInstallable, then configured;
/// `order` holds the names of `image_specs` and what they depend on (resolve()). Requirements only add or
/// tighten: of two values of one option the stricter holds, where the option says which that is; else they
/// are an error that names both sources and both values. Errors: unresolvable (not installable, a
/// contradiction), invalid (unknown option, bad value, an option without a value).
Result<Image> Generate(const WantedModules& image_specs, const std::vector<ModulePtr>& order);

}  // namespace unikernel
