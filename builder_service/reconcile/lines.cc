// SPDX-License-Identifier: Apache-2.0
#include "builder_service/reconcile/lines.hh"

#include <algorithm>
#include <set>

#include "builder_service/database/timestamp.hh"
#include "common/decode/specification.hh"
#include "common/util/digest.hh"

namespace unikernel
{

bool expiry_is_near(const std::string& created, const std::string& not_after,
                    std::chrono::system_clock::time_point now)
{
    if (not_after.empty())
        return false;
    const auto begin = parse_timestamp(created);
    const auto end = parse_timestamp(not_after);
    return !begin || !end || now >= *end - (*end - *begin) / 4;
}

bool outlives(const std::string& created, const std::string& not_after,
              const std::optional<std::chrono::seconds>& validity)
{
    if (!validity || not_after.empty())
        return false;
    const auto begin = parse_timestamp(created);
    const auto end = parse_timestamp(not_after);
    return !begin || !end || *end > *begin + *validity;
}

bool complies(const LineImage& image, const std::string& plan_digest,
              const std::optional<std::chrono::seconds>& validity, std::chrono::system_clock::time_point now)
{
    return !plan_digest.empty() && image.plan_digest == plan_digest &&
           !outlives(image.created, image.not_after, validity) &&
           !expiry_is_near(image.created, image.not_after, now);
}

namespace
{

/// What those of these requirements say of how servers are replaced that apply now, all of it together.
RolloutPolicy policy_of(const nlohmann::json& spec, const std::vector<nlohmann::json>& requirements,
                        std::chrono::sys_seconds now)
{
    const auto image = decode_spec(spec);
    RolloutRules rules;
    for (const auto& document : requirements) {
        const auto requirement = decode_requirement(document);
        if (image && requirement && requirement->rollout && !(requirement->valid_from > now) &&
            applies(requirement->applies_to, *image))
            rules = stricter(rules, *requirement->rollout);
    }
    return RolloutPolicy(rules);
}

/// Of all that determines a wish; another one is worth a try at once.
std::string request_of(const BuildRecord& head, const std::vector<nlohmann::json>& documents,
                       const std::string& plan)
{
    return to_string(Sha256()
                         .field(head.bundle)
                         .field(head.spec.dump())
                         .field(nlohmann::json(documents).dump())
                         .field(plan)
                         .finish());
}

/// Whether it sets the end of an image itself. Which end holds, that or a requirement's validity, is decided
/// by the time.
bool sets_expiry(const nlohmann::json& document)
{
    const auto modules = document.value("modules", nlohmann::json::object());
    for (const auto& [module, options] : modules.items())
        if (module.starts_with(validity_module))
            return true;
    return false;
}

/// Whether the same is wanted at any time as long as the same stored requirements hold.
bool does_not_depend_on_time(const nlohmann::json& spec, const std::vector<nlohmann::json>& given,
                             const std::vector<RequirementService::Selected>& stored)
{
    return !sets_expiry(spec) && std::none_of(given.begin(), given.end(), [](const auto& each) {
        return each.contains("valid_from") || sets_expiry(each);
    }) && std::none_of(stored.begin(), stored.end(), [](const auto& each) {
        return sets_expiry(each.requirement.document);
    });
}

}  // namespace

Lines::Lines(BuildRepository& builds, RequirementService& requirements, LineImageRepository& images,
             Ports ports, Clock clock)
    : builds_(builds), requirements_(requirements), images_(images), ports_(std::move(ports)),
      clock_(std::move(clock)), imports_(builds, images, ports_.imported, clock_)
{
}

Result<void> Lines::remember_images()
{
    const auto fresh = builds_.not_remembered();
    if (!fresh)
        return tl::unexpected(fresh.error());
    for (const auto& build : *fresh) {
        const auto note = ports_.note(build);  // none: it was deleted, or damaged
        if (!note && note.error().kind == FailureKind::unavailable)
            continue;  // the next time tells
        const LineImage image{.build = build.id,
                              .number = build.number,
                              .project = build.project,
                              .name = build.spec.value("name", ""),
                              .image = build.image,
                              .image_id = build.publish ? build.publish->image_id : "",
                              .plan_digest = note ? note->value("plan_digest", "") : "",
                              .created = build.created,
                              .not_after = build.not_after};
        if (auto added = images_.add(image); !added)
            return added;
    }
    return {};
}

Result<Lines::Moment> Lines::moment()
{
    Moment moment{std::chrono::floor<std::chrono::seconds>(clock_.wall()), {}, {}};
    const auto requirements = requirements_.stamp(moment.now);
    if (!requirements)
        return tl::unexpected(requirements.error());
    const auto modules = ports_.modules ? ports_.modules() : Result<std::string>();
    moment.modules = modules.value_or("");
    if (!moment.modules.empty())
        moment.stamp = moment.modules + "/" + *requirements;
    return moment;
}

Result<Wish> Lines::wish(const BuildRecord& head, const Moment& moment)
{
    if (auto known = known_.by_stamp(head.id, moment.stamp))
        return std::move(*known);
    auto selected = requirements_.select(head.project, head.domain, head.spec, {}, moment.now);
    if (selected)
        return planned_wish(head, std::move(selected->selected), moment);
    if (!is_verdict(selected.error()))
        return tl::unexpected(selected.error());
    Wish wish;
    wish.plan_digest = tl::unexpected(Impossible{selected.error().message});
    wish.policy = policy_of(head.spec, inline_requirements(head), moment.now);
    wish.request = request_of(head, inline_requirements(head), selected.error().message);
    return wish;
}

Result<Wish> Lines::planned_wish(const BuildRecord& head, std::vector<RequirementService::Selected> selected,
                                 const Moment& moment)
{
    Wish wish;
    auto documents = inline_requirements(head);
    std::vector<nlohmann::json> imposed;
    const bool lasts = does_not_depend_on_time(head.spec, documents, selected);
    for (const auto& [requirement, reason] : selected) {
        documents.push_back(requirement.document);
        const auto scope = requirement.scope();
        if (!scope.project)
            imposed.push_back(requirement.document);
        wish.requirements.push_back(
            {{"requirement", requirement.name},
             {"revision", requirement.revision},
             {"project", scope.project ? nlohmann::json(*scope.project) : nlohmann::json()},
             {"domain", scope.project || scope.global() ? nlohmann::json() : nlohmann::json(scope.domain)}});
    }
    const auto key = to_string(Sha256()
                                   .field(moment.modules)
                                   .field(head.spec.dump())
                                   .field(nlohmann::json(documents).dump())
                                   .field(wish.requirements.dump())
                                   .finish());
    if (auto known = known_.by_key(head.id, key, moment.stamp))
        return std::move(*known);
    const auto plan = planned(ports_.plan, head, std::move(selected), moment.now);
    if (!plan)
        return tl::unexpected(plan.error());
    if (plan->preview)
        wish.plan_digest = plan->preview->description.value("plan_digest", "");
    else if (is_verdict(plan->preview.error()))
        wish.plan_digest = tl::unexpected(Impossible{plan->preview.error().message});
    else
        return tl::unexpected(plan->preview.error());
    wish.validity = plan->validity;
    wish.policy = policy_of(head.spec, documents, moment.now);
    wish.imposed_policy = policy_of(head.spec, imposed, moment.now);
    wish.request =
        request_of(head, documents, wish.plan_digest ? *wish.plan_digest : wish.plan_digest.error().why);
    if (!moment.stamp.empty() && lasts)
        known_.keep(head.id, key, moment.stamp, wish);
    return wish;
}

Result<Line> Lines::line(BuildRecord head, const Moment& moment)
{
    auto image = images_.of_build(head.id);
    if (!image)
        return tl::unexpected(image.error());
    Line line{.head = std::move(head),
              .image = image->value_or(LineImage{}),
              .wish = {},
              .outdated = {},
              .stored = true};
    line.wish = wish(line.head, moment);
    if (!line.wish)  // one broken line must not hold up the others
        return line;
    const auto& plan = line.wish->plan_digest;
    if (!plan)
        line.outdated = "what is wanted of it cannot be made: " + plan.error().why;
    else if (line.image.plan_digest != *plan)
        line.outdated = "its plan is not what its specification and the requirements make now";
    else if (outlives(line.image.created, line.image.not_after, line.wish->validity))
        line.outdated = "its image is valid until " + line.image.not_after +
                        ", for longer than the requirements allow now";
    else if (expiry_is_near(line.image.created, line.image.not_after, clock_.wall()))
        line.outdated = "its image is valid until " + line.image.not_after + " only";
    line.stored = line.outdated.empty() || ports_.note(line.head).has_value();
    return line;
}

Result<std::vector<Line>> Lines::look(const std::stop_token& stop)
{
    if (auto remembered = remember_images(); !remembered)
        return tl::unexpected(remembered.error());
    const bool in_glance = ports_.imported != nullptr;
    if (in_glance)
        if (auto looked = imports_.look(stop); !looked)
            return tl::unexpected(looked.error());
    auto heads = builds_.heads({"", true}, in_glance);
    if (!heads)
        return tl::unexpected(heads.error());
    const auto now = moment();
    if (!now)
        return tl::unexpected(now.error());
    std::vector<Line> lines;
    std::set<std::string> ids;
    for (auto& head : *heads) {
        ids.insert(head.id);
        auto each = line(std::move(head), *now);
        if (!each)
            return tl::unexpected(each.error());
        lines.push_back(std::move(*each));
    }
    known_.forget_others(ids);
    return lines;
}

}  // namespace unikernel
