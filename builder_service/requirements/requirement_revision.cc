// SPDX-License-Identifier: Apache-2.0
#include "builder_service/requirements/requirement_revision.hh"

#include "common/util/digest.hh"

namespace unikernel
{

namespace
{

/// Null when it is deleted.
nlohmann::json document_digest(const RequirementRevision* revision)
{
    if (revision == nullptr || revision->deleted)
        return nullptr;
    return to_string(sha256(revision->document.dump()));
}

std::string action_of(const RequirementRevision& revision, const RequirementRevision* before)
{
    if (revision.deleted)
        return "deleted";
    return before == nullptr || before->deleted ? "created" : "replaced";
}

nlohmann::json audit(const RequirementRevision& revision, const RequirementRevision* before)
{
    return {{"action", action_of(revision, before)},
            {"before", document_digest(before)},
            {"after", document_digest(&revision)},
            {"previous", revision.previous},
            {"digest", revision.digest}};
}

std::string link_of(const RequirementRevision& revision)
{
    return revision.digest.empty() ? digest_of(revision) : revision.digest;
}

}  // namespace

bool RequirementScope::holds_for(const std::string& other_project, const std::string& its_domain) const
{
    return project ? *project == other_project : domain.empty() || domain == its_domain;
}

std::string to_text(const RequirementScope& scope)
{
    if (scope.global())
        return "global";
    if (!scope.project)
        return "of domain " + scope.domain;
    return scope.project->empty() ? "of this service" : "of project " + *scope.project;
}

std::string digest_of(const RequirementRevision& revision)
{
    Sha256 sha;
    sha.field("unikernel requirement 1")
        .field(revision.project          ? "project"
               : revision.domain.empty() ? "global"
                                         : "domain")
        .field(revision.project.value_or(""))
        .field(revision.domain)
        .field(revision.name)
        .field(std::to_string(revision.revision))
        .field(revision.document.dump())
        .field(revision.deleted ? "deleted" : "")
        .field(revision.created)
        .field(revision.author)
        .field(revision.author_project)
        .field(revision.request_id)
        .field(revision.previous);
    return to_string(sha.finish());
}

std::string broken_link(const std::vector<RequirementRevision>& history)
{
    std::string before;
    bool chained = false;
    std::int64_t number = 0;
    for (auto each = history.rbegin(); each != history.rend(); ++each) {
        const auto name = "revision " + std::to_string(each->revision);
        if (each->revision != ++number)
            return "revision " + std::to_string(number) + " is missing";
        chained = chained || !each->digest.empty() || !each->previous.empty();
        if (chained && each->digest != digest_of(*each))
            return name + " is not as it was stored";
        if (chained && each->previous != before)
            return name + " does not follow the one before, which is not as it was then";
        before = link_of(*each);
    }
    return {};
}

nlohmann::json to_json(const RequirementRevision& requirement)
{
    nlohmann::json json = {{"name", requirement.name},
                           {"revision", requirement.revision},
                           {"project", nullptr},
                           {"domain", nullptr},
                           {"document", requirement.document},
                           {"deleted", requirement.deleted},
                           {"created", requirement.created},
                           {"author", requirement.author},
                           {"author_project", requirement.author_project},
                           {"request_id", requirement.request_id}};
    if (requirement.project)
        json["project"] = *requirement.project;
    else if (!requirement.domain.empty())
        json["domain"] = requirement.domain;
    return json;
}

nlohmann::json to_json(const std::vector<RequirementRevision>& history)
{
    auto list = nlohmann::json::array();
    for (std::size_t i = 0; i < history.size(); ++i) {
        list.push_back(to_json(history[i]));
        list.back()["audit"] = audit(history[i], i + 1 < history.size() ? &history[i + 1] : nullptr);
    }
    const auto problem = broken_link(history);
    return {{"requirements", list},
            {"intact", problem.empty()},
            {"problem", problem.empty() ? nlohmann::json() : nlohmann::json(problem)}};
}

std::string audit_line(const RequirementRevision& revision, const RequirementRevision* before)
{
    const auto record = audit(revision, before);
    const auto word = [](const std::string& text) { return text.empty() ? "-" : text; };
    const auto digest = [&](const char* key) {
        return record[key].is_string() ? word(record[key].get<std::string>()) : "-";
    };
    return "audit requirement=" + revision.name + " revision=" + std::to_string(revision.revision) +
           " action=" + action_of(revision, before) + " project=" + revision.project.value_or("*") +
           " domain=" + word(revision.domain) + " by=" + word(revision.author) +
           " of=" + word(revision.author_project) + " request=" + word(revision.request_id) +
           " before=" + digest("before") + " after=" + digest("after") +
           " previous=" + word(revision.previous) + " digest=" + word(revision.digest);
}

}  // namespace unikernel
