// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder_service/requirements/requirement_revision.hh"

namespace unikernel
{

/// How far the record of all changes of all requirements goes: stored beside it and changed with it, so that
/// the newest changes cannot be cut off without a trace. Somebody who notes it down elsewhere can also tell
/// if both were set back.
struct AuditHead {
    long long revisions = 0;  ///< of all requirements together; negative: not counted yet
    std::string digest;       ///< "sha256:<hex>" of the head before and the newest revision; "" of none
};

/// The head after one more revision.
AuditHead next(const AuditHead& head, const RequirementRevision& revision);

/// What the record says, and whether that is what its head says.
struct Audit {
    AuditHead head;                     ///< that the revisions which are there come to
    std::vector<std::string> problems;  ///< sentences for people
    std::optional<AuditHead> noted;     ///< as it was after so many revisions as somebody asked for
};

/// `all`: every revision in the order of storing. `stored`: nothing, if the head itself is gone. `at`: see
/// Audit::noted.
Audit audit(const std::vector<RequirementRevision>& all, const std::optional<AuditHead>& stored,
            std::optional<long long> at);

nlohmann::json to_json(const Audit& audit);

}  // namespace unikernel
