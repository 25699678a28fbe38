// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "common/model/module.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// A module's manifest (doc: modules.rst). `where` begins each message. Errors: invalid.
Result<Module> decode_module(const nlohmann::json& manifest, const std::string& where);

/// Points of a manifest's or a platform's `points:`. Throws Reader::BadValue; for decoders.
std::map<std::string, HookPoint> decode_points(const class Reader& reader);

/// All `<folder>/*/module.yaml`. A manifest that is wrong is an error, never left out in silence: an
/// image without a module somebody relies on is worse than none. Errors: invalid, not_found.
///
/// `repository` and `priority` become those of the modules; the name begins messages, unless it is empty.
Result<Repository> load_repository(const std::filesystem::path& folder, const std::string& repository = {},
                                   int priority = 0);

}  // namespace unikernel
