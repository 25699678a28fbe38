// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "common/util/result.hh"

namespace unikernel
{

/// SHA-512 (FIPS 180-4) of a file as lower-case hex: Glance's os_hash_value. Errors: not_found, internal.
Result<std::string> sha512_of_file(const std::filesystem::path& file);

}  // namespace unikernel
