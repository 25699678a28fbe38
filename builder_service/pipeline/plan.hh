// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder_service/pipeline/pipeline.hh"
#include "builder_service/platforms/platform.hh"
#include "common/model/image.hh"
#include "common/model/module.hh"
#include "common/model/specification.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// What a request asks for, decoded and merged, not yet resolved: phase `plan`.
struct Plan {
    Repository repository;
    std::vector<std::unique_ptr<Platform>> platforms;
    const Platform* platform = nullptr;  ///< one of them
    ImageSpec spec;
    WantedModules wanted;
    std::vector<std::string> skipped;  ///< requirements that do not apply to this spec
    /// Until when the image may serve by a requirement's validity, seconds since 1970. It is no part of
    /// plan_digest, unless somebody asks for an earlier time, which then holds.
    std::optional<std::int64_t> not_after;
};

/// The set M as the settings have it. Errors: internal (a manifest is wrong).
Result<Repository> repository_of(const PipelineSettings& settings);

/// Errors: invalid, unresolvable (requirements that contradict), not_found, unavailable (check_lost).
Result<Plan> make_plan(const PipelineSettings& settings, const BuildRequest& request);

/// Phase `resolve`: the image as the paper's model has it. Errors: unresolvable, invalid.
Result<Image> resolve_plan(const Plan& plan);

struct ResolvedPlan {
    Plan plan;
    Image image;
};

/// Both phases, for those who want no image. Errors: of both.
Result<ResolvedPlan> make_resolved_plan(const PipelineSettings& settings, const BuildRequest& request);

/// What the note says before the platform adds its part (doc: image.rst).
nlohmann::json describe(const Plan& plan, const Image& image);

/// The same without the time at which the image expires, if a requirement's validity set that: what two
/// requests have in common that differ in nothing else.
nlohmann::json describe_timeless(const Plan& plan, const Image& image);

}  // namespace unikernel
