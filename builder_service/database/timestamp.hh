// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace unikernel
{

/// The time now as RFC 3339 in UTC with milliseconds, "2026-01-01T00:00:00.000Z"; sorts as text.
std::string timestamp();

}  // namespace unikernel
