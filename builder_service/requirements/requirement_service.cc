// SPDX-License-Identifier: Apache-2.0
#include "builder_service/requirements/requirement_service.hh"

#include <algorithm>

#include "builder_service/database/timestamp.hh"
#include "common/decode/specification.hh"
#include "common/model/secret.hh"
#include "common/util/nearest.hh"

namespace unikernel
{

namespace
{

constexpr std::size_t most_per_project = 256;

tl::unexpected<Failure> no_requirement(const std::string& name)
{
    return fail(FailureKind::not_found, "there is no requirement " + name.substr(0, 80));
}

/// With secrets sealed, and its name. Errors: invalid.
Result<std::pair<nlohmann::json, std::string>> sealed(nlohmann::json document)
{
    auto safe = seal_secrets(std::move(document));
    if (!safe)
        return tl::unexpected(Failure{safe.error().kind, "document." + safe.error().message});
    const auto requirement = decode_requirement(*safe);
    if (!requirement)
        return tl::unexpected(requirement.error());
    return std::pair(std::move(*safe), requirement->name);
}

bool seen_by(const RequirementRevision& requirement, const std::string& project)
{
    return !requirement.project || *requirement.project == project;
}

/// As if `draft` were the latest revision of its requirement.
void put(std::vector<RequirementRevision>& live, const RequirementRevision& draft)
{
    std::erase_if(live, [&](const auto& each) { return each.name == draft.name; });
    if (!draft.deleted)
        live.insert(std::lower_bound(live.begin(), live.end(), draft,
                                     [](const auto& a, const auto& b) { return a.name < b.name; }),
                    draft);
}

std::string reason_of(const Selector& selector, const ImageSpec& spec, bool named)
{
    std::string reason;
    if (selector.everything)
        reason = "it applies to everything";
    else if (selector.images.contains(spec.name))
        reason = "it applies to image " + spec.name;
    else
        for (const auto& [key, value] : selector.labels)
            reason += (reason.empty() ? "it applies to label " : ", ") + key + "=" + value;
    return reason + (named ? ", and the request names it" : "");
}

/// Errors: not_found, with the nearest name; conflict.
tl::unexpected<Failure> refuse_name(const std::string& name, const std::vector<RequirementRevision>& known,
                                    const ImageSpec& spec)
{
    std::vector<std::string> names;
    names.reserve(known.size());
    for (const auto& each : known)
        names.push_back(each.name);
    if (std::find(names.begin(), names.end(), name) != names.end())
        return fail(FailureKind::conflict, "requirement " + name + " does not apply to image " + spec.name +
                                               "; change what it applies to, or leave it out");
    return fail(FailureKind::not_found,
                "there is no requirement " + name.substr(0, 80) + did_you_mean(name, names));
}

}  // namespace

Result<RequirementRevision> RequirementService::append(std::optional<std::string> project,
                                                       const std::string& name, nlohmann::json document,
                                                       const std::string& author, Mode mode)
{
    RequirementRevision next{.project = std::move(project),
                             .name = name,
                             .revision = 0,
                             .document = std::move(document),
                             .deleted = false,
                             .created = {},
                             .author = author};
    next.deleted = next.document.is_null();
    if (mode == Mode::dry_run) {
        const auto known = repository_.history(next.project, name);
        if (!known)
            return tl::unexpected(known.error());
        next.revision = known->empty() ? 1 : known->front().revision + 1;
        next.created = timestamp();
        return next;
    }
    if (auto done = repository_.append(next); !done)
        return tl::unexpected(done.error());
    if (changed_)
        changed_();
    return next;
}

Result<RequirementRevision> RequirementService::create(std::optional<std::string> project,
                                                       nlohmann::json document, const std::string& author,
                                                       Mode mode)
{
    auto safe = sealed(std::move(document));
    if (!safe)
        return tl::unexpected(safe.error());
    if (auto checked = check_(safe->first); !checked)
        return tl::unexpected(checked.error());
    const auto& name = safe->second;

    const std::scoped_lock lock(mutex_);
    const auto same_name = repository_.live(name);
    if (!same_name)
        return tl::unexpected(same_name.error());
    for (const auto& other : *same_name) {
        if (!other.project)
            return fail(FailureKind::conflict,
                        "there is a global requirement " + name + "; choose another name");
        if (!project)
            return fail(FailureKind::conflict, "project " + *other.project + " has a requirement " + name +
                                                   "; choose another name for the global one");
        if (other.project == project)
            return fail(FailureKind::conflict,
                        "there is a requirement " + name + "; PUT it to change it, or choose another name");
    }
    if (project) {
        const auto own = repository_.live(Scope{*project, false});
        if (own && own->size() >= most_per_project)
            return fail(FailureKind::conflict, "the project sees " + std::to_string(own->size()) +
                                                   " requirements already, the maximum is " +
                                                   std::to_string(most_per_project) +
                                                   "; delete some that are not needed");
    }
    return append(std::move(project), name, std::move(safe->first), author, mode);
}

Result<RequirementRevision> RequirementService::replace(const RequirementRevision& current,
                                                        nlohmann::json document, const std::string& author,
                                                        Mode mode)
{
    auto safe = sealed(std::move(document));
    if (!safe)
        return tl::unexpected(safe.error());
    if (safe->second != current.name)
        return fail(FailureKind::invalid, "document.name: is " + safe->second + ", but the requirement is " +
                                              current.name + "; it cannot be renamed");
    if (auto checked = check_(safe->first); !checked)
        return tl::unexpected(checked.error());
    const std::scoped_lock lock(mutex_);
    const auto now = repository_.history(current.project, current.name);
    if (!now)
        return tl::unexpected(now.error());
    if (now->empty() || now->front().deleted)
        return no_requirement(current.name);
    return append(current.project, current.name, std::move(safe->first), author, mode);
}

Result<RequirementRevision> RequirementService::remove(const RequirementRevision& current,
                                                       const std::string& author, Mode mode)
{
    const std::scoped_lock lock(mutex_);
    const auto now = repository_.history(current.project, current.name);
    if (!now)
        return tl::unexpected(now.error());
    if (now->empty() || now->front().deleted)
        return no_requirement(current.name);
    return append(current.project, current.name, nullptr, author, mode);
}

Result<RequirementRevision> RequirementService::find(const std::string& project, const std::string& name)
{
    auto found = repository_.live(name);
    if (!found)
        return tl::unexpected(found.error());
    for (auto& each : *found)
        if (seen_by(each, project))
            return std::move(each);
    return no_requirement(name);
}

Result<std::vector<RequirementRevision>> RequirementService::history(const std::string& project,
                                                                     const std::string& name)
{
    auto own = repository_.history(project, name);
    if (!own || (!own->empty() && !own->front().deleted))
        return own;
    auto global = repository_.history(std::nullopt, name);
    if (global && global->empty())
        global = std::move(own);
    if (global && global->empty())
        return no_requirement(name);
    return global;
}

Result<std::vector<RequirementService::Selected>>
RequirementService::select(const std::string& project, const nlohmann::json& spec,
                           const std::vector<std::string>& names, const RequirementRevision* draft)
{
    auto known = repository_.live(Scope{project, false});
    if (!known)
        return tl::unexpected(known.error());
    if (draft != nullptr && seen_by(*draft, project))
        put(*known, *draft);
    std::vector<Selected> selected;
    if (known->empty() && names.empty())
        return selected;
    const auto image = decode_spec(spec);
    if (!image)
        return tl::unexpected(image.error());
    for (const auto& each : *known) {
        const auto requirement = decode_requirement(each.document);
        if (!requirement)
            return fail(FailureKind::internal, requirement.error().message);
        const bool named = std::find(names.begin(), names.end(), each.name) != names.end();
        if (applies(requirement->applies_to, *image))
            selected.push_back({each, reason_of(requirement->applies_to, *image, named)});
    }
    for (const auto& name : names)
        if (std::none_of(selected.begin(), selected.end(),
                         [&](const auto& each) { return each.requirement.name == name; }))
            return refuse_name(name, *known, *image);
    return selected;
}

}  // namespace unikernel
