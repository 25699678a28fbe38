// SPDX-License-Identifier: Apache-2.0
#include "builder_service/pipeline/plan.hh"

#include <algorithm>
#include <set>

#include "common/decode/module.hh"
#include "common/decode/specification.hh"
#include "common/model/generation.hh"
#include "common/model/resolution.hh"
#include "common/model/secret.hh"
#include "common/util/digest.hh"
#include "common/util/time.hh"

namespace unikernel
{

namespace
{

using nlohmann::json;

Result<ImageSpec> sealed_spec(const json& document)
{
    const Result<json> sealed = seal_secrets(document);
    return sealed ? decode_spec(*sealed) : fail(sealed.error().kind, "spec." + sealed.error().message);
}

Result<std::vector<SecurityRequirement>> sealed_requirements(const std::vector<json>& documents)
{
    std::vector<SecurityRequirement> list;
    std::set<std::string> names;
    for (std::size_t i = 0; i < documents.size(); ++i) {
        const Result<json> sealed = seal_secrets(documents[i]);
        if (!sealed) {
            return fail(sealed.error().kind,
                        "requirements[" + std::to_string(i) + "]." + sealed.error().message);
        }
        Result<SecurityRequirement> requirement = decode_requirement(*sealed, i);
        if (!requirement) {
            return tl::unexpected(requirement.error());
        }
        if (!names.insert(requirement->name).second) {
            return fail(FailureKind::invalid,
                        "requirements." + requirement->name +
                            ": two requirements have this name; messages could not tell them "
                            "apart");
        }
        list.push_back(std::move(*requirement));
    }
    return list;
}

Result<const Platform*> find_platform(const Plan& plan)
{
    std::string names;
    for (const auto& platform : plan.platforms) {
        if (platform->name() == plan.spec.platform) {
            return platform.get();
        }
        names += (names.empty() ? "" : ", ") + platform->name();
    }
    return fail(FailureKind::invalid,
                "spec.platform: there is no platform " + plan.spec.platform + "; there are " + names);
}

/// What the spec asks for without naming it. A value that it also names must be the same.
Result<void> add_implied(Plan& plan)
{
    for (const std::string& module : plan.platform->implied_modules(plan.spec)) {
        if (!plan.repository.find(module)) {
            return fail(FailureKind::unresolvable,
                        "platform " + plan.spec.platform + " needs module " + module +
                            " for this spec, which is not in the module repository");
        }
        Insert(plan.spec.modules, Dependency(module), "spec");
    }
    for (const auto& [module, condition] : plan.platform->implied_conditions(plan.spec)) {
        Insert(plan.spec.modules, module, condition, "spec");
    }
    return {};
}

/// Puts the end of the image's validity in, which the shortest validity among the requirements asks for.
Result<void> add_expiry(Plan& plan, const std::vector<SecurityRequirement>& requirements,
                        const BuildRequest& request)
{
    const SecurityRequirement* shortest = shortest_validity(requirements, plan.spec);
    if (shortest == nullptr) {
        return {};
    }
    const std::string source = "requirements." + shortest->name;
    if (!plan.repository.find(validity_module)) {
        return fail(FailureKind::unresolvable, "requirement " + shortest->name +
                                                   " limits validity, which needs module " + validity_module +
                                                   "; it is not in the module repository");
    }
    if (!request.not_after) {
        return fail(FailureKind::invalid,
                    source +
                        ".validity: limits how long the image may live, but the request has no not_after");
    }
    plan.not_after = request.not_after->time_since_epoch().count();
    Insert(plan.wanted, Dependency(validity_module), source);
    Insert(plan.wanted, validity_module, {validity_option, *plan.not_after}, source);
    return {};
}

/// Of an image that expires.
std::optional<std::int64_t> not_after(const Image& image)
{
    for (const ModulePtr& module : image.installed()) {
        if (module->name == validity_module) {
            const auto& values = image.values(module->name);
            const auto value = values.find(validity_option);
            if (value != values.end() && value->second.is_number_integer()) {
                return value->second.get<std::int64_t>();
            }
        }
    }
    return std::nullopt;
}

/// Whether the time at which it expires is one that the next build would set anew.
bool expiry_is_renewed(const Plan& plan, const Image& image)
{
    return plan.not_after && not_after(image) == plan.not_after;
}

json configuration(const Image& image, bool redacted)
{
    json all = json::object();
    for (const ModulePtr& module : image.installed()) {
        json& own = all[module->name] = json::object();
        for (const auto& [option, value] : image.values(module->name)) {
            own[option] = redacted ? redact(module->options.at(option), value) : value;
        }
    }
    return all;
}

json application_of(const ImageSpec& spec)
{
    if (!spec.application) {
        return nullptr;
    }
    const Application& application = *spec.application;
    return {{"sources", application.sources},      {"language", application.language},
            {"include", application.include},      {"definitions", application.definitions},
            {"optimize", application.optimize},    {"arguments", application.arguments},
            {"memory_mib", application.memory_mib}};
}

}  // namespace

Result<Repository> repository_of(const PipelineSettings& settings)
{
    Result<Repository> repository =
        settings.repository ? settings.repository() : load_repository(settings.modules);
    return repository ? std::move(repository) : fail(FailureKind::internal, repository.error().message);
}

Result<Plan> make_plan(const PipelineSettings& settings, const BuildRequest& request)
{
    Result<ImageSpec> spec = sealed_spec(request.spec);
    if (!spec) {
        return tl::unexpected(spec.error());
    }
    const Result<std::vector<SecurityRequirement>> requirements = sealed_requirements(request.requirements);
    if (!requirements) {
        return tl::unexpected(requirements.error());
    }
    Result<Repository> repository = repository_of(settings);
    if (!repository) {
        return tl::unexpected(repository.error());
    }
    Plan plan;
    plan.repository = std::move(*repository);
    plan.platforms = make_platforms(settings.platforms, settings.cache);
    plan.spec = std::move(*spec);
    const Result<const Platform*> platform = find_platform(plan);
    if (!platform) {
        return tl::unexpected(platform.error());
    }
    plan.platform = *platform;
    if (Result<void> done = add_implied(plan); !done) {
        return tl::unexpected(done.error());
    }
    Result<WantedModules> wanted = merge(plan.repository, plan.spec, *requirements, plan.skipped);
    if (!wanted) {
        return tl::unexpected(wanted.error());
    }
    plan.wanted = std::move(*wanted);
    if (Result<void> done = add_expiry(plan, *requirements, request); !done) {
        return tl::unexpected(done.error());
    }
    return plan;
}

Result<void> check_requirement(const PipelineSettings& settings, const json& document)
{
    const Result<SecurityRequirement> requirement = decode_requirement(document);
    if (!requirement) {
        return tl::unexpected(requirement.error());
    }
    const Result<Repository> repository = repository_of(settings);
    if (!repository) {
        return tl::unexpected(repository.error());
    }
    return check_values(*repository, requirement->modules);
}

Result<Image> resolve_plan(const Plan& plan)
{
    const Result<std::vector<ModulePtr>> order =
        resolve(plan.repository, plan.spec.platform, plan.wanted, plan.spec.lock);
    return order ? Generate(plan.wanted, *order) : tl::unexpected(order.error());
}

Result<ResolvedPlan> make_resolved_plan(const PipelineSettings& settings, const BuildRequest& request)
{
    Result<Plan> plan = make_plan(settings, request);
    if (!plan) {
        return tl::unexpected(plan.error());
    }
    Result<Image> image = resolve_plan(*plan);
    if (!image) {
        return tl::unexpected(image.error());
    }
    return ResolvedPlan{std::move(*plan), std::move(*image)};
}

json describe(const Plan& plan, const Image& image)
{
    json modules = json::array();
    std::set<std::string> devices;
    json sources = json::object();  // a plan is another one when a module's sources are, whatever its version
    for (const ModulePtr& module : image.installed()) {
        modules.push_back({{"name", module->name}, {"version", module->version}});
        if (!module->repository.empty() && module->repository != builtin_repository) {
            modules.back()["repository"] = module->repository;
        }
        sources[module->name] = module->content;
        devices.insert(module->devices.begin(), module->devices.end());
    }
    const json sealed = configuration(image, false);
    json lasting = sealed;
    if (expiry_is_renewed(plan, image)) {
        lasting[validity_module].erase(validity_option);
    }
    const json whole{{"name", plan.spec.name},
                     {"platform", plan.spec.platform},
                     {"application", application_of(plan.spec)},
                     {"modules", modules},
                     {"sources", sources},
                     {"configuration", lasting}};
    json note{{"format", 1},
              {"name", plan.spec.name},
              {"platform", plan.spec.platform},
              {"modules", modules},
              {"devices", devices},
              {"configuration", configuration(image, true)},
              {"configuration_digest", to_string(sha256(sealed.dump()))},
              {"plan_digest", to_string(sha256(whole.dump()))}};
    if (const auto seconds = not_after(image)) {
        note["not_after"] = to_rfc3339(std::chrono::sys_seconds(std::chrono::seconds(*seconds)));
    }
    return note;
}

json describe_timeless(const Plan& plan, const Image& image)
{
    json note = describe(plan, image);
    if (expiry_is_renewed(plan, image)) {
        note.erase("not_after");
        note.erase("configuration_digest");
        note["configuration"][validity_module].erase(validity_option);
    }
    return note;
}

}  // namespace unikernel
