// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder_service/pipeline/preview.hh"

namespace unikernel
{

/// "spec, requirement staff-only" of sources as a plan names them.
std::string told_sources(const std::set<std::string>& sources);

/// What differs between two plans, module by module: those of `after` in the order of their installation,
/// then those that are gone. Each is {"name", "version", "change": "added"|"changed"|"removed"|"kept",
/// "options":
/// {"<option>": {"from", "to", "sources"}}, "reason"}; `options` has those that differ, of an added module
/// those that somebody set. `before`: the description of an image (doc: image.rst), or null. `why_before`:
/// why its modules were in it, as far as it is known.
nlohmann::json module_changes(const nlohmann::json& before, const std::map<std::string, Why>& why_before,
                              const Preview& after);

}  // namespace unikernel
