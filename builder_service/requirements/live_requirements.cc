// SPDX-License-Identifier: Apache-2.0
#include "builder_service/requirements/live_requirements.hh"

#include <algorithm>

#include "common/decode/specification.hh"

namespace unikernel
{

std::string LiveRequirements::Snapshot::stamp(std::chrono::sys_seconds now) const
{
    const auto begun = std::upper_bound(beginnings.begin(), beginnings.end(), now) - beginnings.begin();
    return std::to_string(version) + "/" + std::to_string(begun);
}

Result<std::shared_ptr<const LiveRequirements::Snapshot>> LiveRequirements::now()
{
    const std::scoped_lock lock(mutex_);
    const auto version = repository_.version();  // before the list: what comes meanwhile is seen next time
    if (!version)
        return tl::unexpected(version.error());
    if (known_ && known_->version == *version)
        return known_;
    auto live = repository_.live(Scope{"", true});
    if (!live)
        return tl::unexpected(live.error());
    auto fresh = std::make_shared<Snapshot>();
    fresh->version = *version;
    for (auto& revision : *live) {
        auto requirement = decode_requirement(revision.document);
        if (requirement && requirement->valid_from)
            fresh->beginnings.push_back(*requirement->valid_from);
        fresh->list.push_back({std::move(revision), std::move(requirement)});
    }
    std::sort(fresh->beginnings.begin(), fresh->beginnings.end());
    known_ = std::move(fresh);
    return known_;
}

}  // namespace unikernel
