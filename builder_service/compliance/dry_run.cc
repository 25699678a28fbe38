// SPDX-License-Identifier: Apache-2.0
#include "builder_service/compliance/dry_run.hh"

#include <algorithm>

#include "builder_service/compliance/plan_change.hh"
#include "builder_service/reconcile/lines.hh"
#include "common/util/time.hh"

namespace unikernel
{

namespace
{

using nlohmann::json;
using Selection = std::vector<RequirementService::Selected>;

/// The entry of this requirement, or null.
const RequirementService::Selected* entry_of(const Selection& selection, const RequirementRevision& wanted)
{
    const auto found = std::find_if(selection.begin(), selection.end(), [&](const auto& each) {
        return each.requirement.name == wanted.name && each.requirement.project == wanted.project &&
               each.requirement.domain == wanted.domain;
    });
    return found == selection.end() ? nullptr : &*found;
}

std::string digest_of(const json& description)
{
    return description.is_object() ? description.value("plan_digest", "") : "";
}

std::string count(std::size_t number, const std::string& what)
{
    return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

/// When the draft begins to hold, if that is later than now.
std::optional<std::chrono::sys_seconds> holds_from(const RequirementRevision& draft,
                                                   std::chrono::sys_seconds now)
{
    if (!draft.document.is_object())
        return std::nullopt;
    const auto begin = parse_rfc3339(draft.document.value("valid_from", ""));
    return begin && *begin > now ? std::optional(*begin) : std::nullopt;
}

/// Why the line is concerned, for people.
std::string why(const LineOutlook& line, const RequirementRevision& draft)
{
    if (const auto* applies = entry_of(line.then.requirements, draft))
        return applies->reason;
    const auto later = holds_from(draft, {});
    return line.from || !later ? "it no longer applies" : "it holds only from " + to_rfc3339(*later) + " on";
}

/// "1 module added, 2 options changed"
std::string summary(const json& modules)
{
    std::size_t added = 0;
    std::size_t removed = 0;
    std::size_t versions = 0;
    std::size_t options = 0;
    for (const auto& module : modules) {
        added += module["change"] == "added" ? 1 : 0;
        removed += module["change"] == "removed" ? 1 : 0;
        if (module["change"] == "changed") {
            options += module["options"].size();
            versions += module["options"].empty() ? 1 : 0;
        }
    }
    std::string text;
    const auto add = [&](std::size_t number, const std::string& what, const std::string& how) {
        if (number != 0)
            text += (text.empty() ? "" : ", ") + count(number, what) + how;
    };
    add(added, "module", " added");
    add(removed, "module", " removed");
    add(versions, "module", " in another version");
    add(options, "option", " changed");
    return text.empty() ? "a secret changed" : text;
}

}  // namespace

json line_change(const LineOutlook& line, const RequirementRevision& draft)
{
    const auto& head = line.head;
    json change = {{"project", head.project},  {"name", head.spec.value("name", "")},
                   {"build", head.id},         {"image", head.image},
                   {"image_id", nullptr},      {"modules", json::array()},
                   {"servers", json::array()}, {"from", nullptr}};
    for (const auto& server : line.servers)
        change["servers"].push_back({{"id", server.id}, {"name", server.name}});
    if (head.publish && head.publish->state == PublishState::active)
        change["image_id"] = head.publish->image_id;
    if (line.from)
        change["from"] = to_rfc3339(*line.from);
    const auto why = unikernel::why(line, draft);
    const auto conclude = [&](const char* outcome, const std::string& reason) {
        change["outcome"] = outcome;
        change["reason"] = (line.from ? "from " + to_rfc3339(*line.from) + ": " : "") + reason;
        return change;
    };
    if (!line.then.preview)
        return conclude("unresolvable", line.then.preview.error().message);
    const auto& after = *line.then.preview;
    const auto& note = line.note.is_object() || !line.now.preview ? line.note : line.now.preview->description;
    change["modules"] =
        module_changes(note, line.now.preview ? line.now.preview->why : std::map<std::string, Why>{}, after);
    const bool same = digest_of(note) == digest_of(after.description);
    if (same && outlives(head.created, head.not_after, line.then.validity))
        return conclude("rebuild", why + "; its image is valid until " + head.not_after +
                                       ", for longer than " + to_text(*line.then.validity));
    if (same)
        return conclude("unchanged", why + "; its image has this plan already");
    if (line.now.preview && digest_of(line.now.preview->description) == digest_of(after.description))
        return conclude("unchanged", why + "; the plan stays the same, and its image is outdated already");
    return conclude("rebuild", why + "; " + summary(change["modules"]));
}

/// Nothing: the requirement has nothing to do with the line. `before`: the revision before the draft, if it
/// is not the one that is stored.
Result<std::optional<LineOutlook>> DryRun::outlook(const BuildRecord& head, const RequirementRevision* before,
                                                   const RequirementRevision& draft,
                                                   std::chrono::sys_seconds time)
{
    auto now = parts_.requirements.select(head.project, head.domain, head.spec, {}, time, before);
    auto then = parts_.requirements.select(head.project, head.domain, head.spec, {}, time, &draft);
    for (const auto* selection : {&now, &then})
        if (!*selection)
            return tl::unexpected(selection->error());
    if (entry_of(now->selected, draft) == nullptr && entry_of(then->selected, draft) == nullptr)
        return std::nullopt;
    auto plan_now = planned(parts_.planner, head, std::move(now->selected), time);
    auto plan_then = planned(parts_.planner, head, std::move(then->selected), time);
    for (const auto* plan : {&plan_now, &plan_then})
        if (!*plan)
            return tl::unexpected(plan->error());
    const auto image = parts_.artifacts.image(head.image, Scope{head.project, false});
    return LineOutlook{head, image ? image->description : json(), std::move(*plan_now),
                       std::move(*plan_then)};
}

Result<json> DryRun::changes(const RequirementRevision& draft)
{
    auto heads = parts_.builds.heads(Scope{draft.project.value_or(""), !draft.project}, parts_.published);
    if (!heads)
        return tl::unexpected(heads.error());
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const auto later = holds_from(draft, now);
    auto until_then = draft;  // once it is stored, and until it holds, there is none
    until_then.deleted = true;
    std::vector<LineOutlook> lines;
    for (const auto& head : *heads) {
        auto line = outlook(head, nullptr, draft, now);
        auto line_then =
            later ? outlook(head, &until_then, draft, *later) : Result<std::optional<LineOutlook>>();
        for (auto* each : {&line, &line_then})
            if (!*each)
                return tl::unexpected(each->error());
        if (*line_then) {
            (*line_then)->from = later;
            if (*line)
                (*line_then)->note = nullptr;  // by then another image was made
        }
        for (auto* each : {&*line, &*line_then})
            if (*each)
                lines.push_back(std::move(**each));
    }
    const auto running = lines.empty() ? Result<std::vector<Tenant>>() : parts_.tenants();
    if (!running)
        return tl::unexpected(running.error());
    auto changes = json::array();
    for (auto& line : lines) {
        for (const auto& tenant : *running)
            if (tenant.image.project == line.head.project &&
                tenant.image.name == line.head.spec.value("name", ""))
                line.servers.push_back(tenant.server);
        changes.push_back(line_change(line, draft));
    }
    return changes;
}

}  // namespace unikernel
