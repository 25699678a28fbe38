// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "builder_service/database/database.hh"
#include "common/util/result.hh"

namespace unikernel
{

enum class Owned { bundle, image };

/// One project's share in a bundle or an image. In an image it consists of holds: the project's own, whose
/// name is "", and one for each of its Glance images that has these bytes; it lasts as long as one of them.
struct Owner {
    std::string digest;   ///< "sha256:<hex>"
    std::string project;  ///< "" without identity
    std::string created;  ///< since when, RFC 3339
    std::string build;    ///< of this project, from which it has the image; may be empty
};

/// Which projects own which bytes; all SQL of that table. Thread-safe. Failures are internal, or
/// no_space.
class OwnerRepository
{
public:
    /// `database` outlives it.
    explicit OwnerRepository(Database& database) : database_(database) {}

    /// Durable when this returns; fills in `created`. False: the project owned it already. `holder` names the
    /// hold on an image.
    Result<bool> add(Owned kind, Owner owner, const std::string& holder = "");
    /// With all holds.
    Result<void> remove(Owned kind, const std::string& digest, const std::string& project);
    /// The holds on an image: project -> names.
    Result<std::multimap<std::string, std::string>> holders(const std::string& digest);
    /// Drops one hold, and nothing else.
    Result<void> release(const std::string& digest, const std::string& project, const std::string& holder);
    Result<std::vector<Owner>> owners(Owned kind, const std::string& digest);
    /// What the project has a share in.
    Result<std::vector<std::string>> digests(Owned kind, const std::string& project);
    /// All of a kind, by digest.
    Result<std::multimap<std::string, Owner>> all(Owned kind);

private:
    Database& database_;
};

}  // namespace unikernel
