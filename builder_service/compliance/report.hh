// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder_service/fleet/fleet.hh"
#include "builder_service/reconcile/wanted.hh"
#include "builder_service/requirements/requirement_revision.hh"

namespace unikernel
{

/// All that the compliance report is computed from. Times are RFC 3339, "" where there is none.
struct ComplianceFacts {
    /// All builds of a name in a project.
    struct Line {
        std::string project, name;
        std::string build;                            ///< its newest that has an image
        std::string plan_digest, created, not_after;  ///< of that image; a plan that nobody knows is ""
        tl::expected<std::string, Impossible> wanted_plan_digest;
        std::string unknown;  ///< why nobody knows now what is wanted; "": it is known
        std::optional<std::chrono::seconds> validity;   ///< how long its images may live
        std::string outdated;                           ///< for people; "": it is not
        std::vector<RequirementRevision> requirements;  ///< stored ones that apply to it now
    };
    /// A server that runs an image of one of the lines.
    struct Tenant {
        Server server;
        std::size_t line = 0;                         ///< index
        std::string build, image, image_id;           ///< that it runs
        std::string plan_digest, created, not_after;  ///< of that image
        /// Stored requirements that went into it (BuildRecord::applied); nothing: nobody remembers.
        std::optional<nlohmann::json> applied;
    };
    /// A server of an image of which nobody knows what is wanted.
    struct Stranger {
        Server server;
        std::string image, image_id;  ///< as in Tenant
        std::string why;              ///< for people: what is not known of the image
        /// Stored ones that apply to everything where the server is, and so to it.
        std::vector<RequirementRevision> requirements;
    };
    /// The part that rollouts played, of all lines, newest first.
    struct Move {
        std::string rollout, server;
        bool active = false;  ///< the rollout has not ended
    };
    std::chrono::system_clock::time_point now;
    std::vector<Line> lines;
    std::vector<Tenant> tenants;
    std::vector<Stranger> strangers;
    std::vector<Move> moves;
};

/// GET /v1/compliance's answer (doc: compliance.rst), but for since when each server has been what it is. A
/// server is in compliance iff its image has the plan that is wanted of its line, has not expired and does
/// not live for longer than it may; the whole is iff all servers and the images of all lines are. A stranger
/// is never shown to be, and is counted if a requirement applies to everything.
nlohmann::json compliance_report(const ComplianceFacts& facts);

}  // namespace unikernel
