// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <utility>

#include "builder_service/artifacts/artifact_catalog.hh"
#include "builder_service/builds/build_repository.hh"
#include "builder_service/compliance/tenants.hh"
#include "builder_service/reconcile/wanted.hh"

namespace unikernel
{

/// What is known of one line when a requirement is about to change.
struct LineOutlook {
    BuildRecord head;
    nlohmann::json note;  ///< what the head's image says of itself; null: it is gone
    WantedPlan now, then;
    std::optional<std::chrono::sys_seconds> from = {};  ///< when both are compared; nothing: at once
    std::vector<Server> servers = {};                   ///< that run an image of the line
};

/// What becomes of the line (doc: rest-api.rst, "Dry run"). `draft`: the revision that would be.
nlohmann::json line_change(const LineOutlook& line, const RequirementRevision& draft);

/// Says what a revision would change, without changing anything. Thread-safe.
class DryRun
{
public:
    /// All of it outlives it.
    struct Parts {
        BuildRepository& builds;
        ArtifactCatalog& artifacts;
        RequirementService& requirements;
        Planner planner;
        bool published = false;  ///< heads are those builds alone whose image is in Glance
        std::function<Result<std::vector<Tenant>>()> tenants;  ///< all there are
    };
    explicit DryRun(Parts parts) : parts_(std::move(parts)) {}

    /// A list with an entry for each line that the requirement applies to, or applied to before: what changes
    /// at once, and for a draft that holds only later also what changes then. Errors: as the database.
    Result<nlohmann::json> changes(const RequirementRevision& draft);

private:
    Result<std::optional<LineOutlook>> outlook(const BuildRecord& head, const RequirementRevision* before,
                                               const RequirementRevision& draft,
                                               std::chrono::sys_seconds time);

    const Parts parts_;
};

}  // namespace unikernel
