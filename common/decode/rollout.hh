// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "common/decode/reader.hh"
#include "common/model/rollout_policy.hh"

namespace unikernel
{

/// "30d" (parse_duration), within these limits. Throws BadValue.
std::chrono::seconds read_duration(const Reader& reader, std::chrono::seconds minimum,
                                   std::chrono::seconds maximum);

/// A requirement's `rollout` (doc: user/specification.rst). Throws BadValue.
RolloutRules read_rollout(const Reader& reader);

}  // namespace unikernel
