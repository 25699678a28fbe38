// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder_service/pipeline/pipeline.hh"

namespace unikernel
{

/// Why something is in an image. Sources are "spec" and "requirements.<name>".
struct Why {
    std::set<std::string> sources;                         ///< who asks for the module by its name
    std::set<std::string> needed_by;                       ///< modules in the image that require it
    std::map<std::string, std::set<std::string>> options;  ///< option -> who sets it
};

/// The plan of an image that is not built: equal `plan_digest`s in the description mean equal plans.
struct Preview {
    nlohmann::json description;  ///< what the image's note will say (doc: image.rst), but the platform's part
    std::map<std::string, Why> why;  ///< of each module in it
};

/// Phases `plan` and `resolve` alone; the request's bundle is not looked at. Thread-safe.
/// Errors: invalid, unresolvable (as `build` would give them), internal.
Result<Preview> preview(const PipelineSettings& settings, const BuildRequest& request);

}  // namespace unikernel
