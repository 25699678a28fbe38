// SPDX-License-Identifier: Apache-2.0
#include "builder_service/compliance/report.hh"

#include <algorithm>

#include "builder_service/reconcile/lines.hh"
#include "common/decode/specification.hh"
#include "common/util/time.hh"

namespace unikernel
{

namespace
{

using nlohmann::json;
using Line = ComplianceFacts::Line;
using Tenant = ComplianceFacts::Tenant;

json text_or_null(const std::string& text)
{
    return text.empty() ? json() : json(text);
}

/// An image whose end cannot be read is not trusted any more.
bool expired(const std::string& not_after, std::chrono::system_clock::time_point now)
{
    if (not_after.empty())
        return false;
    const auto end = parse_rfc3339(not_after);
    return !end || now >= *end;
}

bool has_plan(const std::string& plan_digest, const Line& line)
{
    return line.unknown.empty() && line.wanted_plan_digest && !plan_digest.empty() &&
           plan_digest == *line.wanted_plan_digest;
}

std::string named(const json& entry)
{
    return entry.value("name", "") + ", revision " + std::to_string(entry.value("revision", 0));
}

/// That a requirement's revision is part of what somebody runs.
const json* applied_entry(const Tenant& tenant, const RequirementRevision& requirement)
{
    if (!tenant.applied)
        return nullptr;
    const json project = requirement.project ? json(*requirement.project) : json();
    const bool of_a_domain = !requirement.project && !requirement.domain.empty();
    const json domain = of_a_domain ? json(requirement.domain) : json();
    const auto found = std::find_if(tenant.applied->begin(), tenant.applied->end(), [&](const json& entry) {
        return entry.value("name", "") == requirement.name && entry.value("project", json()) == project &&
               entry.value("domain", json()) == domain;
    });
    return found == tenant.applied->end() ? nullptr : &*found;
}

using Time = std::optional<std::chrono::sys_seconds>;

Time time_of(const std::string& text)
{
    const auto time = parse_rfc3339(text);
    return time ? Time(*time) : Time();
}

json told(const Time& time)
{
    return time ? json(to_rfc3339(*time)) : json();
}

/// Since when a revision holds.
Time effective(const RequirementRevision& requirement)
{
    const auto& document = requirement.document;
    return std::max(time_of(requirement.created),
                    document.is_object() ? time_of(document.value("valid_from", "")) : Time());
}

std::optional<std::chrono::seconds> validity_of(const RequirementRevision& requirement)
{
    const auto decoded = decode_requirement(requirement.document);
    return decoded ? decoded->validity : std::nullopt;
}

/// `of`: the revision that the image was made under, or null.
json requirement_form(const RequirementRevision& requirement, bool fulfilled, const json& of)
{
    return {{"name", requirement.name},
            {"project", requirement.project ? json(*requirement.project) : json()},
            {"revision", requirement.revision},
            {"fulfilled", fulfilled},
            {"fulfilled_revision", of},
            {"since", told(effective(requirement))}};
}

/// What one server's entry says, and how it comes to that.
class ServerReport
{
public:
    ServerReport(const ComplianceFacts& facts, const Tenant& tenant)
        : facts_(facts), tenant_(tenant), line_(facts.lines.at(tenant.line)),
          planned_(has_plan(tenant.plan_digest, line_)), expired_(expired(tenant.not_after, facts.now)),
          outlives_(outlives(tenant.created, tenant.not_after, line_.validity))
    {
        for (const auto& requirement : line_.requirements)
            add(requirement);
    }

    json json_form() const
    {
        const auto& server = tenant_.server;
        return {{"id", server.id},
                {"name", server.name},
                {"project", server.project},
                {"line", line_.name},
                {"image", tenant_.image},
                {"image_id", text_or_null(tenant_.image_id)},
                {"build", tenant_.build},
                {"status", server.status},
                {"known", true},
                {"pinned", server.pinned},
                {"compliant", compliant()},
                {"reason", reason()},
                {"since", nullptr},
                {"not_after", text_or_null(tenant_.not_after)},
                {"requirements", requirements_},
                {"rollout", rollout()}};
    }

private:
    bool compliant() const { return planned_ && !expired_ && !outlives_; }

    void add(const RequirementRevision& requirement)
    {
        const auto* entry = applied_entry(tenant_, requirement);
        const json revision = entry != nullptr ? entry->value("revision", json()) : json();
        const bool lasts = outlives(tenant_.created, tenant_.not_after, validity_of(requirement));
        const bool fulfilled = !lasts && (planned_ || revision == requirement.revision);
        requirements_.push_back(requirement_form(requirement, fulfilled,
                                                 planned_ && !lasts ? json(requirement.revision) : revision));
        if (!fulfilled)
            unmet_.push_back(&requirement);
    }

    std::string plan_reason() const
    {
        if (!line_.unknown.empty())
            return "image " + line_.name + ": " + line_.unknown;
        if (!line_.wanted_plan_digest)
            return "what is wanted of image " + line_.name +
                   " cannot be made: " + line_.wanted_plan_digest.error().why;
        std::string reason;
        const auto add = [&](const std::string& sentence) {
            reason += (reason.empty() ? "" : "; ") + sentence;
        };
        for (const auto* requirement : unmet_) {
            const auto* old = applied_entry(tenant_, *requirement);
            add("requirement " + requirement->name + ", revision " + std::to_string(requirement->revision) +
                ", is not met: its image was made " +
                (old == nullptr ? "without it" : "under revision " + old->value("revision", json()).dump()));
        }
        static const auto nothing = json::array();
        for (const auto& entry : tenant_.applied ? *tenant_.applied : nothing)
            if (std::none_of(line_.requirements.begin(), line_.requirements.end(),
                             [&](const auto& now) { return applied_entry(tenant_, now) == &entry; }))
                add("its image was made under requirement " + named(entry) + ", which no longer applies");
        return reason.empty() ? "its plan is not what its specification and the modules there are make now"
                              : reason;
    }

    std::string too_long() const
    {
        std::string names;
        for (const auto& requirement : line_.requirements)
            if (outlives(tenant_.created, tenant_.not_after, validity_of(requirement)))
                names += (names.empty() ? "" : ", ") + requirement.name;
        return "its image is valid until " + tenant_.not_after + ", for longer than " +
               (names.empty() ? "it may be" : "requirement " + names + " allows") + " (" +
               to_text(*line_.validity) + ")";
    }

    std::string reason() const
    {
        std::string reason = planned_ ? "" : plan_reason();
        if (planned_ && outlives_)
            reason = too_long();
        if (expired_)
            reason += (reason.empty() ? "" : "; ") + ("its image expired at " + tenant_.not_after);
        if (reason.empty())
            return "its image is what is wanted";
        return tenant_.server.pinned ? reason + "; its owner pinned it, so it is not replaced" : reason;
    }

    /// The rollout that is at work on it, or that left it out of compliance.
    json rollout() const
    {
        const auto last = std::find_if(facts_.moves.begin(), facts_.moves.end(),
                                       [&](const auto& move) { return move.server == tenant_.server.id; });
        const bool concerns = last != facts_.moves.end() && (last->active || !compliant());
        return concerns ? json(last->rollout) : json();
    }

    const ComplianceFacts& facts_;
    const Tenant& tenant_;
    const Line& line_;
    const bool planned_;
    const bool expired_;
    const bool outlives_;
    json requirements_ = json::array();
    std::vector<const RequirementRevision*> unmet_;
};

json stranger_form(const ComplianceFacts::Stranger& stranger)
{
    const auto& server = stranger.server;
    auto requirements = json::array();
    std::string names;
    for (const auto& each : stranger.requirements) {
        requirements.push_back(requirement_form(each, false, nullptr));
        names += (names.empty() ? "" : ", ") + each.name;
    }
    const auto reason = stranger.why + (names.empty() ? "; whether a requirement applies to it cannot be told"
                                                      : "; that it meets " + names +
                                                            ", which holds for everything, cannot be shown");
    return {
        {"id", server.id},         {"name", server.name},     {"project", server.project},
        {"line", nullptr},         {"image", stranger.image}, {"image_id", text_or_null(stranger.image_id)},
        {"build", nullptr},        {"status", server.status}, {"known", false},
        {"pinned", server.pinned}, {"compliant", false},      {"reason", reason},
        {"since", nullptr},        {"not_after", nullptr},    {"requirements", requirements},
        {"rollout", nullptr}};
}

json line_form(const Line& line)
{
    return {{"project", line.project},
            {"name", line.name},
            {"build", line.build},
            {"plan_digest", text_or_null(line.plan_digest)},
            {"wanted_plan_digest", text_or_null(line.wanted_plan_digest.value_or(""))},
            {"not_after", text_or_null(line.not_after)},
            {"outdated", !line.outdated.empty()},
            {"reason", line.outdated}};
}

}  // namespace

json compliance_report(const ComplianceFacts& facts)
{
    auto servers = json::array();
    auto lines = json::array();
    bool compliant = true;
    for (const auto& tenant : facts.tenants) {
        servers.push_back(ServerReport(facts, tenant).json_form());
        compliant = compliant && servers.back()["compliant"].get<bool>();
    }
    for (const auto& stranger : facts.strangers) {
        servers.push_back(stranger_form(stranger));
        compliant = compliant && stranger.requirements.empty();
    }
    for (const auto& line : facts.lines) {
        lines.push_back(line_form(line));
        compliant = compliant && has_plan(line.plan_digest, line) && !expired(line.not_after, facts.now) &&
                    !outlives(line.created, line.not_after, line.validity);
    }
    const auto now = std::chrono::floor<std::chrono::seconds>(facts.now);
    return {{"generated", to_rfc3339(now)}, {"compliant", compliant}, {"servers", servers}, {"lines", lines}};
}

}  // namespace unikernel
