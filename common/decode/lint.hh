// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/model/module.hh"

namespace unikernel
{

/// What a module's author should change.
struct Finding {
    bool error = true;  ///< else a warning: it works, but could be better
    std::string text;   ///< begins with the place, "module.yaml.options.port: ..."
};

/// Reads one module's folder as a stranger would: the manifest, the files it names, the modules it requires
/// among `others` (which need not contain it), and the hook points of those and of the platforms (platform ->
/// names of its core's points). All that is wrong beyond a manifest that cannot be decoded is told at once.
std::vector<Finding> lint_module(const std::filesystem::path& folder, const Repository& others,
                                 const std::map<std::string, std::set<std::string>>& core_points);

}  // namespace unikernel
