// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "builder_service/database/database.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Which of the builders of a database are alive: each says so by counting on. All SQL of that table.
/// Thread-safe. Failures are those of Database::transact.
class BuilderRepository
{
public:
    /// `database` outlives it.
    explicit BuilderRepository(Database& database) : database_(database) {}

    Result<void> beat(const std::string& name);
    /// It ends; what it did not finish is queued again.
    Result<void> leave(const std::string& name);
    /// The counts of the others, also of those that run builds and have none; by name.
    Result<std::map<std::string, std::int64_t>> others(const std::string& name);

private:
    Database& database_;
};

}  // namespace unikernel
