// SPDX-License-Identifier: Apache-2.0
#include "builder_service/reconcile/wanted.hh"

#include <algorithm>

namespace unikernel
{

bool is_verdict(const Failure& failure)
{
    switch (failure.kind) {
    case FailureKind::invalid:
    case FailureKind::not_found:
    case FailureKind::conflict:
    case FailureKind::unresolvable:
    case FailureKind::too_large:
        return true;
    case FailureKind::no_space:
    case FailureKind::timed_out:
    case FailureKind::cancelled:
    case FailureKind::unavailable:
    case FailureKind::internal:
        break;
    }
    return false;
}

std::vector<nlohmann::json> inline_requirements(const BuildRecord& build)
{
    // The stored ones were put behind them, in the order of `applied`.
    const auto& all = build.requirements;
    const auto given = all.size() - std::min(all.size(), build.applied.size());
    return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(given)};
}

Result<WantedPlan> planned(const Planner& planner, const BuildRecord& head,
                           std::vector<RequirementService::Selected> requirements,
                           std::chrono::sys_seconds now)
{
    BuildRequest request{head.spec, inline_requirements(head), {}, head.boot_check};
    for (const auto& each : requirements)
        request.requirements.push_back(each.requirement.document);
    std::optional<std::chrono::seconds> validity;
    if (auto holding = in_force(head.spec, request.requirements, now)) {  // what is wrong, the planner says
        request.requirements = std::move(holding->requirements);
        validity = holding->validity;
        if (validity)
            request.not_after = now + *validity;
    }
    auto preview = planner(request);
    if (!preview && preview.error().kind == FailureKind::internal)
        return tl::unexpected(preview.error());
    return WantedPlan{std::move(requirements), std::move(preview), validity};
}

}  // namespace unikernel
