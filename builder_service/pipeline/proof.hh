// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include "common/model/image.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Whether a description that was read back from the finished bytes is that of the planned image: Modules(u)
/// with their versions in the order of installation, and Configuration(u, m) of each. Errors: invalid, naming
/// the module or option that differs.
Result<void> check_proof(const Image& planned, const nlohmann::json& description);

}  // namespace unikernel
