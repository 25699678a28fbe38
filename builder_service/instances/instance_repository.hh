// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "builder_service/database/database.hh"
#include "builder_service/instances/instance.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// The instances that are wanted; all SQL of that table. Thread-safe. Failures are internal, or no_space.
class InstanceRepository
{
public:
    /// `database` outlives it.
    explicit InstanceRepository(Database& database) : database_(database) {}

    /// Durable when this returns; fills in `created` and `updated`. `most`: how many there may be.
    /// Errors: also conflict (the name is taken, or there are too many).
    Result<void> insert(Instance& instance, std::size_t most);
    /// Durable when this returns; fills in `updated`. Nothing happens if it is gone.
    Result<void> update(Instance& instance);
    /// Of all that it holds only the number of boots.
    Result<void> update_boots(const Instance& instance);
    Result<void> remove(const std::string& id);
    Result<std::optional<Instance>> find(const std::string& name);
    Result<std::optional<Instance>> find_by_id(const std::string& id);
    /// By name.
    Result<std::vector<Instance>> list();

private:
    Database& database_;
};

}  // namespace unikernel
