// SPDX-License-Identifier: Apache-2.0
#include "builder_service/requirements/requirement_service.hh"

#include <algorithm>

#include "builder_service/database/timestamp.hh"
#include "common/decode/specification.hh"
#include "common/model/secret.hh"
#include "common/util/nearest.hh"
#include "common/util/time.hh"

namespace unikernel
{

namespace
{

constexpr std::size_t most_per_scope = 1024;  ///< of one project, of one domain, and global

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

bool same_scope(const RequirementScope& a, const RequirementScope& b)
{
    return a.project == b.project && (a.project || a.domain == b.domain);
}

/// Whether some project may see what is in both. Of what was stored before domains were, the project's domain
/// is not known.
bool overlap(const RequirementScope& a, const RequirementScope& b)
{
    if (a.global() || b.global())
        return true;
    if (a.project && b.project)
        return a.project == b.project;
    return a.domain == b.domain || (a.project && a.domain.empty()) || (b.project && b.domain.empty());
}

/// Whether a new requirement may have the name that these have.
Result<void> check_name(const RequirementScope& scope, const std::string& name,
                        const std::vector<RequirementRevision>& same_name)
{
    for (const auto& other : same_name) {
        if (!overlap(scope, other.scope()))
            continue;
        if (same_scope(scope, other.scope()) && !scope.global())
            return fail(FailureKind::conflict,
                        "there is a requirement " + name + "; PUT it to change it, or choose another name");
        if (!other.project)
            return fail(FailureKind::conflict, "there is a requirement " + name + " " +
                                                   to_text(other.scope()) + "; choose another name");
        return fail(FailureKind::conflict, "project " + *other.project + " has a requirement " + name +
                                               "; choose another name for the one " + to_text(scope));
    }
    return {};
}

/// Whether the requirement is among these of its name, so that it can have another revision.
RequirementRepository::Check is_live(const RequirementRevision& current)
{
    return [&current](const std::vector<RequirementRevision>& same_name) -> Result<void> {
        if (std::any_of(same_name.begin(), same_name.end(), [&](const RequirementRevision& each) {
                return same_scope(each.scope(), current.scope());
            }))
            return {};
        return no_requirement(current.name);
    };
}

using Seen = std::vector<const LiveRequirement*>;

/// As if `draft` were the latest revision of its requirement.
void put(Seen& seen, const LiveRequirement& draft)
{
    const auto& name = draft.revision.name;
    std::erase_if(seen, [&](const auto* each) { return each->revision.name == name; });
    if (!draft.revision.deleted)
        seen.insert(std::find_if(seen.begin(), seen.end(),
                                 [&](const auto* each) { return each->revision.name >= name; }),
                    &draft);
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
tl::unexpected<Failure> refuse_name(const std::string& name, const Seen& known, const ImageSpec& spec)
{
    std::vector<std::string> names;
    names.reserve(known.size());
    for (const auto* each : known)
        names.push_back(each->revision.name);
    if (std::find(names.begin(), names.end(), name) != names.end())
        return fail(FailureKind::conflict, "requirement " + name + " does not apply to image " + spec.name +
                                               "; change what it applies to, or leave it out");
    return fail(FailureKind::not_found,
                "there is no requirement " + name.substr(0, 80) + did_you_mean(name, names));
}

}  // namespace

Result<RequirementRevision> RequirementService::append(RequirementScope scope, const std::string& name,
                                                       nlohmann::json document, const Author& author,
                                                       Mode mode, const RequirementRepository::Check& check)
{
    RequirementRevision next;
    next.project = std::move(scope.project);
    next.domain = std::move(scope.domain);
    next.name = name;
    next.deleted = document.is_null();
    next.document = std::move(document);
    next.author = author.user;
    next.author_project = author.project;
    next.request_id = author.request_id;
    if (mode == Mode::dry_run) {
        const auto same_name = repository_.live(name);
        if (!same_name)
            return tl::unexpected(same_name.error());
        if (auto may = check(*same_name); !may)
            return tl::unexpected(may.error());
        const auto known = repository_.history(next.scope(), name);
        if (!known)
            return tl::unexpected(known.error());
        next.revision = known->empty() ? 1 : known->front().revision + 1;
        next.created = timestamp();
        return next;
    }
    if (auto done = repository_.append(next, check); !done)
        return tl::unexpected(done.error());
    if (changed_)
        changed_();
    return next;
}

Result<void> RequirementService::check_room(const RequirementScope& scope)
{
    const auto own = repository_.count(scope);
    if (!own)
        return tl::unexpected(own.error());
    if (*own >= most_per_scope)
        return fail(FailureKind::conflict, "there are " + std::to_string(*own) + " requirements " +
                                               to_text(scope) + " already, the maximum is " +
                                               std::to_string(most_per_scope) +
                                               "; delete some that are not needed");
    return {};
}

Result<RequirementRevision> RequirementService::create(RequirementScope scope, nlohmann::json document,
                                                       const Author& author, Mode mode)
{
    auto safe = sealed(std::move(document));
    if (!safe)
        return tl::unexpected(safe.error());
    if (auto checked = check_(safe->first); !checked)
        return tl::unexpected(checked.error());
    const auto& name = safe->second;

    const std::scoped_lock lock(mutex_);
    if (auto room = check_room(scope); !room)
        return tl::unexpected(room.error());
    return append(scope, name, std::move(safe->first), author, mode,
                  [&](const std::vector<RequirementRevision>& same_name) {
                      return check_name(scope, name, same_name);
                  });
}

Result<RequirementRevision> RequirementService::replace(const RequirementRevision& current,
                                                        nlohmann::json document, const Author& author,
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
    return append(current.scope(), current.name, std::move(safe->first), author, mode, is_live(current));
}

Result<RequirementRevision> RequirementService::remove(const RequirementRevision& current,
                                                       const Author& author, Mode mode)
{
    return append(current.scope(), current.name, nullptr, author, mode, is_live(current));
}

Result<RequirementRevision> RequirementService::find(const std::string& project, const std::string& domain,
                                                     const std::string& name)
{
    auto found = repository_.live(name);
    if (!found)
        return tl::unexpected(found.error());
    for (auto& each : *found)
        if (each.scope().holds_for(project, domain))
            return std::move(each);
    return no_requirement(name);
}

Result<RequirementRevision> RequirementService::find(const RequirementScope& scope, const std::string& name)
{
    auto found = repository_.live(name);
    if (!found)
        return tl::unexpected(found.error());
    for (auto& each : *found)
        if (same_scope(each.scope(), scope))
            return std::move(each);
    return no_requirement(name);
}

Result<std::vector<RequirementRevision>>
RequirementService::history(const std::string& project, const std::string& domain, const std::string& name)
{
    std::vector<RequirementScope> scopes{{project, domain}, {std::nullopt, ""}};
    if (!domain.empty())
        scopes.push_back({std::nullopt, domain});
    std::vector<RequirementRevision> ended;
    for (const auto& scope : scopes) {
        auto revisions = repository_.history(scope, name);
        if (!revisions || (!revisions->empty() && !revisions->front().deleted))
            return revisions;
        if (ended.empty())
            ended = std::move(*revisions);
    }
    if (ended.empty())
        return no_requirement(name);
    return ended;
}

Result<std::vector<RequirementRevision>> RequirementService::history(const RequirementScope& scope,
                                                                     const std::string& name)
{
    auto revisions = repository_.history(scope, name);
    if (revisions && revisions->empty())
        return no_requirement(name);
    return revisions;
}

Result<Audit> RequirementService::audit(std::optional<long long> at)
{
    auto result = repository_.audit(at);
    if (!result)
        return result;
    if (at && !result->noted)
        return fail(FailureKind::invalid, "at: there are " + std::to_string(result->head.revisions) +
                                              " revisions of requirements, not " + std::to_string(*at) +
                                              "; if there were so many, the newest were cut off");
    const auto all = repository_.everything();
    if (!all)
        return tl::unexpected(all.error());
    for (auto begin = all->begin(); begin != all->end();) {
        const auto end = std::find_if(begin, all->end(), [&](const auto& each) {
            return each.name != begin->name || !same_scope(each.scope(), begin->scope());
        });
        if (const auto problem = broken_link({begin, end}); !problem.empty())
            result->problems.push_back("requirement " + begin->name + " " + to_text(begin->scope()) + ": " +
                                       problem + "; somebody has changed the database past this service");
        begin = end;
    }
    return result;
}

Result<RequirementService::Selection>
RequirementService::select(const std::string& project, const std::string& domain, const nlohmann::json& spec,
                           const std::vector<std::string>& names, std::chrono::sys_seconds now,
                           const RequirementRevision* draft)
{
    const auto live = live_.now();
    if (!live)
        return tl::unexpected(live.error());
    Seen seen;
    for (const auto& each : (*live)->list)
        if (each.revision.scope().holds_for(project, domain))
            seen.push_back(&each);
    std::optional<LiveRequirement> drafted;
    if (draft != nullptr && draft->scope().holds_for(project, domain)) {
        drafted.emplace(LiveRequirement{*draft, draft->deleted ? SecurityRequirement{}
                                                               : decode_requirement(draft->document)});
        put(seen, *drafted);
    }
    Selection result;
    if (seen.empty() && names.empty())
        return result;
    const auto image = decode_spec(spec);
    if (!image)
        return tl::unexpected(image.error());
    for (const auto* each : seen) {
        const auto& [revision, requirement] = *each;
        if (!requirement)
            return fail(FailureKind::internal, requirement.error().message);
        const bool named = std::find(names.begin(), names.end(), revision.name) != names.end();
        if (!applies(requirement->applies_to, *image))
            continue;
        if (!(requirement->valid_from > now)) {
            result.selected.push_back({revision, reason_of(requirement->applies_to, *image, named)});
            continue;
        }
        const auto from = to_rfc3339(*requirement->valid_from);
        if (named)
            return fail(FailureKind::conflict, "requirement " + revision.name + " does not hold before " +
                                                   from + "; leave it out until then");
        result.left_out.push_back("requirement " + revision.name + ", revision " +
                                  std::to_string(revision.revision) + ", " + to_text(revision.scope()) +
                                  " is left out: it holds from " + from + " on");
    }
    for (const auto& name : names)
        if (std::none_of(result.selected.begin(), result.selected.end(),
                         [&](const auto& each) { return each.requirement.name == name; }))
            return refuse_name(name, seen, *image);
    return result;
}

Result<std::string> RequirementService::stamp(std::chrono::sys_seconds now)
{
    return live_.now().map([&](const auto& live) { return live->stamp(now); });
}

}  // namespace unikernel
