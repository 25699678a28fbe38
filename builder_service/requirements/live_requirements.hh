// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "builder_service/requirements/requirement_repository.hh"
#include "common/model/specification.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// A live requirement, decoded.
struct LiveRequirement {
    RequirementRevision revision;
    Result<SecurityRequirement> requirement;
};

/// All live requirements, which are read and decoded again only when there is another revision, whichever
/// builder stored it. Thread-safe.
class LiveRequirements
{
public:
    struct Snapshot {
        long long version = 0;                             ///< RequirementRepository::version
        std::vector<LiveRequirement> list;                 ///< by name
        std::vector<std::chrono::sys_seconds> beginnings;  ///< all `valid_from` there are, sorted

        /// Differs whenever there is another revision, or another requirement has begun to hold.
        std::string stamp(std::chrono::sys_seconds now) const;
    };

    /// `repository` outlives it.
    explicit LiveRequirements(RequirementRepository& repository) : repository_(repository) {}

    /// As they are now. Errors: as the database.
    Result<std::shared_ptr<const Snapshot>> now();

private:
    RequirementRepository& repository_;
    std::mutex mutex_;
    std::shared_ptr<const Snapshot> known_;
};

}  // namespace unikernel
