// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace unikernel
{

/// Whom a requirement is for.
struct RequirementScope {
    std::optional<std::string> project;  ///< nothing: all projects of `domain`, or global
    std::string domain;                  ///< the project's, if known; "" without a project: global

    bool global() const { return !project && domain.empty(); }
    /// Whether a project of this domain sees it, and has to meet it.
    bool holds_for(const std::string& other_project, const std::string& its_domain) const;
};

/// "global", "of domain d1", "of project p1"; "of this service" without identity.
std::string to_text(const RequirementScope& scope);

/// A security requirement as it was at one time, and the record of the change that made it so. Revisions are
/// only ever added; secrets in them are sealed.
struct RequirementRevision {
    std::optional<std::string> project;  ///< as in RequirementScope
    std::string domain = {};             ///< likewise
    std::string name;
    std::int64_t revision = 0;        ///< from 1, without gaps, per scope and name
    nlohmann::json document;          ///< as the user wrote it (doc: specification.rst), null when deleted
    bool deleted = false;             ///< this revision ends it; a later one may begin it again
    std::string created;              ///< RFC 3339
    std::string author;               ///< user id; "" without identity
    std::string author_project = {};  ///< for which he asked
    std::string request_id = {};      ///< "req-<uuid>" of his request
    std::string previous = {};        ///< `digest` of the revision before; "" of the first
    std::string digest = {};  ///< of all of the above; "" of one that is older than this chain of digests

    RequirementScope scope() const { return {project, domain}; }
};

/// What `digest` has to be: "sha256:<hex>".
std::string digest_of(const RequirementRevision& revision);

/// Whether each revision is as it was stored and follows the one before; "" if so, else a sentence for
/// people. `history`: all of one requirement, newest first. That the newest ones were taken away cannot be
/// told from these alone: the service's log has the digest of each.
std::string broken_link(const std::vector<RequirementRevision>& history);

nlohmann::json to_json(const RequirementRevision& requirement);

/// {"requirements": [...], "intact", "problem"}: the same with what each revision changed.
nlohmann::json to_json(const std::vector<RequirementRevision>& history);

/// One line of key=value for the log, of a revision and the one before it, if there is one.
std::string audit_line(const RequirementRevision& revision, const RequirementRevision* before);

}  // namespace unikernel
