// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "common/model/specification.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// An image specification. Messages name "spec.<path>". Errors: invalid.
/// Values of modules' options are taken as they are: their types are the modules' (merge()).
Result<ImageSpec> decode_spec(const nlohmann::json& document);

/// A security requirement. Messages name "requirements.<its name>.<path>", or "requirements[<index>]"
/// while it has no valid name. Errors: invalid.
Result<SecurityRequirement> decode_requirement(const nlohmann::json& document, std::size_t index = 0);

}  // namespace unikernel
