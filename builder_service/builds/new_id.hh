// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace unikernel
{

/// A random UUID (RFC 9562, version 4).
std::string new_id();

}  // namespace unikernel
