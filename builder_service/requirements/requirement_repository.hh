// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "builder_service/database/database.hh"
#include "builder_service/database/scope.hh"
#include "builder_service/requirements/audit.hh"
#include "builder_service/requirements/requirement_revision.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// The revisions of requirements, and the head of that record; all SQL of both tables. The first only grows.
/// "Live": the latest revision of a requirement, unless that deleted it. Thread-safe. Failures are internal,
/// or no_space.
class RequirementRepository
{
public:
    /// `database` outlives it.
    explicit RequirementRepository(Database& database) : database_(database) {}

    /// Whether a revision may be stored beside these, the live ones of its name, of whichever scope.
    using Check = std::function<Result<void>(const std::vector<RequirementRevision>& same_name)>;
    /// Durable when this returns; fills in `revision`, `created`, `previous` and `digest`, and writes its
    /// audit line to the log. Errors: also those of `check`, which sees what no other builder changes before
    /// this is stored.
    Result<void> append(RequirementRevision& revision, const Check& check);
    /// Every revision of one requirement, newest first.
    Result<std::vector<RequirementRevision>> history(const RequirementScope& scope, const std::string& name);
    /// Every revision of every requirement: one requirement after another, newest first.
    Result<std::vector<RequirementRevision>> everything();
    /// Whether the record goes as far as its head says, and, `at` so many revisions, what that said then.
    Result<Audit> audit(std::optional<long long> at = std::nullopt);
    /// Grows with each revision.
    Result<long long> version();
    /// How many live ones there are of just this scope.
    Result<std::size_t> count(const RequirementScope& scope);
    /// The live ones of this name, of whichever project and domain, and global.
    Result<std::vector<RequirementRevision>> live(const std::string& name);
    /// The live ones that the scope's project sees, by name: its own, its domain's and the global ones.
    Result<std::vector<RequirementRevision>> live(const Scope& scope);

private:
    Database& database_;
};

}  // namespace unikernel
