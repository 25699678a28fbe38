// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "builder_service/database/location.hh"
#include "common/util/result.hh"

namespace unikernel::api
{

/// [database]: where everything is remembered.
struct DatabaseKeys {
    std::string connection;               ///< a URL; empty: SQLite in the folder of the state
    std::filesystem::path password_file;  ///< instead of a password in the URL; empty: none
};

/// What the keys mean, with the password. Errors: invalid: the URL, or a password file that is missing,
/// empty, too long, or readable for everybody.
Result<DatabaseLocation> database_location(const DatabaseKeys& keys, const std::filesystem::path& state);

}  // namespace unikernel::api
