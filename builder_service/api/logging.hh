// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace unikernel::api
{

/// The process's log: lines on standard error, plain or one JSON object each, times in UTC.
void start_logging(bool json, const std::string& level);

}  // namespace unikernel::api
