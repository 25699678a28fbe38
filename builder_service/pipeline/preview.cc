// SPDX-License-Identifier: Apache-2.0
#include "builder_service/pipeline/preview.hh"

#include "builder_service/pipeline/plan.hh"

namespace unikernel
{

namespace
{

Why why_asked(const WantedModules& wanted, const std::string& module)
{
    Why why;
    const auto asked = wanted.find(module);
    if (asked == wanted.end()) {
        return why;
    }
    why.sources = asked->second.sources;
    for (const auto& [option, values] : asked->second.options) {
        for (const Sourced& given : values) {
            why.options[option].insert(given.source);
        }
    }
    return why;
}

}  // namespace

Result<Preview> preview(const PipelineSettings& settings, const BuildRequest& request)
try {
    const Result<ResolvedPlan> resolved = make_resolved_plan(settings, request);
    if (!resolved) {
        return tl::unexpected(resolved.error());
    }
    const auto& [plan, image] = *resolved;
    Preview result{describe(plan, image), {}};
    for (const ModulePtr& module : image.installed()) {
        result.why[module->name] = why_asked(plan.wanted, module->name);
    }
    for (const ModulePtr& module : image.installed()) {
        for (const Dependency& needed : Requires(module)) {
            for (const ModulePtr& other : image.installed()) {
                if (other != module && other->satisfies(needed)) {
                    result.why[other->name].needed_by.insert(module->name);
                }
            }
        }
    }
    return result;
} catch (const std::exception& error) {
    return fail(FailureKind::internal, error.what());
}

}  // namespace unikernel
