// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "builder_service/builds/build_record.hh"
#include "builder_service/pipeline/preview.hh"
#include "builder_service/requirements/requirement_service.hh"

namespace unikernel
{

/// Plans a request: preview() with its settings bound.
using Planner = std::function<Result<Preview>(const BuildRequest&)>;

/// Whether a failure says of a request that no image can come of it until somebody changes something. Else it
/// says that nobody knows just now.
bool is_verdict(const Failure& failure);

/// There can be no image as it is wanted, until somebody changes something.
struct Impossible {
    std::string why;  ///< for people
};

/// What the next image of a line has to be. A line is all builds of one spec's name in a project, its head
/// the newest of them that succeeded and has an image (BuildRepository::heads).
struct WantedPlan {
    std::vector<RequirementService::Selected> requirements;  ///< stored ones that apply
    Result<Preview> preview;  ///< or why there is none now; whether there can be one: is_verdict
    std::optional<std::chrono::seconds> validity = {};  ///< how long the image may live; nothing: for ever
};

/// The plan of the head's spec with the requirements that were given with it and these stored ones, as they
/// hold at this time. Errors: internal.
Result<WantedPlan> planned(const Planner& planner, const BuildRecord& head,
                           std::vector<RequirementService::Selected> requirements,
                           std::chrono::sys_seconds now);

/// The requirements that were given with the build itself, beside the stored ones.
std::vector<nlohmann::json> inline_requirements(const BuildRecord& build);

}  // namespace unikernel
