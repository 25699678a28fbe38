// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace unikernel
{

/// The report's servers on a time axis, as SVG inside of an HTML page: a bar for each, since when it is or is
/// not in compliance and until when its image is valid.
std::string timeline_svg(const nlohmann::json& report);

}  // namespace unikernel
