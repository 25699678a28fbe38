// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace unikernel
{

/// A security requirement as it was at one time. Revisions are only ever added; secrets in them are
/// sealed.
struct RequirementRevision {
    std::optional<std::string> project;  ///< nothing: it is global, of all projects
    std::string name;
    std::int64_t revision = 0;  ///< from 1, without gaps, per project and name
    nlohmann::json document;    ///< as the user wrote it (doc: specification.rst), null when deleted
    bool deleted = false;       ///< this revision ends it; a later one may begin it again
    std::string created;        ///< RFC 3339
    std::string author;         ///< user id; "" without identity
};

nlohmann::json to_json(const RequirementRevision& requirement);

}  // namespace unikernel
