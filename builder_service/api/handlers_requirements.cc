// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <compare>

#include <spdlog/spdlog.h>

#include "builder_service/api/errors.hh"
#include "builder_service/api/handlers.hh"
#include "builder_service/api/paging.hh"
#include "common/decode/reader.hh"

namespace unikernel::api
{

namespace
{

struct Draft {
    nlohmann::json document;
    RequirementScope scope;
};

/// Whom it is for: "domain": "<id>", "project": null (global) or the caller's, which is also what is meant
/// when neither is given.
RequirementScope read_scope(const Reader& reader, const Caller& caller)
{
    const auto& body = reader.json();
    if (const auto domain = reader.find("domain")) {
        if (caller.domain_id.empty())
            domain->refuse("there are no domains without identity; leave it out");
        if (body.contains("project") && !body["project"].is_null())
            domain->refuse("a requirement is a project's or a domain's; give one of the two");
        return {std::nullopt, domain->matching("[A-Za-z0-9_.-]{1,64}")};
    }
    if (!body.contains("project") || body["project"] == caller.project_id)
        return {caller.project_id, caller.domain_id};
    if (!body["project"].is_null())
        reader.at("project").refuse("must be null, for all projects, or your own");
    return {};
}

/// {"document":{...}}, and when it is created whom it is for.
Result<Draft> draft(const nlohmann::json& body, const Caller& caller, bool with_scope)
{
    return reading([&] {
        const Reader reader(body, "body");
        reader.object(with_scope ? std::vector<std::string>{"name", "document", "project", "domain"}
                                 : std::vector<std::string>{"name", "document"});
        Draft wanted{reader.at("document").json(), {}};
        if (!wanted.document.is_object())
            reader.at("document").refuse("must be an object");
        if (const auto name = reader.find("name");
            name && wanted.document.value("name", nlohmann::json()) != name->json())
            name->refuse("is not the name in document");
        if (with_scope)
            wanted.scope = read_scope(reader, caller);
        return wanted;
    });
}

RequirementService::Author author_of(const Request& request)
{
    return {request.caller.user_id, request.caller.project_id, request.id};
}

Response forbidden()
{
    return error(403, "policy.forbidden",
                 "requirements of a domain or of all projects are for administrators");
}

/// ?domain=<id>: an administrator's way to what another domain has.
bool names_domain(const Request& request)
{
    return request.query.contains("domain");
}

RequirementScope named_domain(const Request& request)
{
    return {std::nullopt, request.query.at("domain")};
}

/// A refused document is the request's fault; a taken name has a code of its own.
Response refusal(const Failure& failure)
{
    if (failure.kind == FailureKind::conflict)
        return error(409, "requirement.exists", failure.message);
    return error(failure, "requirement");
}

using Mode = RequirementService::Mode;

/// ?dry_run. Errors: invalid.
Result<Mode> mode_of(const Request& request)
{
    const auto dry = flag_of(request, "dry_run");
    if (!dry)
        return tl::unexpected(dry.error());
    return *dry ? Mode::dry_run : Mode::store;
}

/// What a revision that was not stored would change.
Response outlook(Context& context, const Request& request, const RequirementRevision& draft)
{
    return with_look(context, request, [&] {
        const auto changes = context.dry_run.changes(draft);
        if (!changes)
            return error(changes.error(), "servers");
        return json_response(200, {{"requirement", to_json(draft)}, {"changes", *changes}});
    });
}

/// Where a requirement stands in a listing: of one name those of projects first, then the global one, then
/// those of domains.
struct Place {
    std::string name;
    int kind = 0;
    std::string owner;

    auto operator<=>(const Place&) const = default;
};

constexpr std::array<std::string_view, 3> kinds{"project", "global", "domain"};

Place place_of(const RequirementScope& scope, const std::string& name)
{
    if (scope.project)
        return {name, 0, *scope.project};
    return scope.global() ? Place{name, 1, ""} : Place{name, 2, scope.domain};
}

/// "NAME:project:ID", "NAME:global:" or "NAME:domain:ID"; of a name alone, all of that name are before it.
/// Errors: invalid.
Result<Place> place_of_marker(const std::string& marker)
{
    const auto first = marker.find(':');
    if (first == std::string::npos)
        return Place{marker, static_cast<int>(kinds.size()), ""};
    const auto second = marker.find(':', first + 1);
    const auto word = marker.substr(first + 1, second - first - 1);
    const auto kind = std::find(kinds.begin(), kinds.end(), word);
    if (second == std::string::npos || kind == kinds.end())
        return fail(FailureKind::invalid, "marker: '" + marker.substr(0, 80) +
                                              "' is neither a requirement's name nor what a link has");
    return Place{marker.substr(0, first), static_cast<int>(kind - kinds.begin()), marker.substr(second + 1)};
}

std::string marker_of(const nlohmann::json& requirement)
{
    const auto id = [&](const char* key) {
        return requirement.at(key).is_null() ? std::nullopt
                                             : std::optional(requirement.at(key).get<std::string>());
    };
    const auto place = place_of({id("project"), id("domain").value_or("")}, requirement.at("name"));
    return place.name + ":" + std::string(kinds.at(static_cast<std::size_t>(place.kind))) + ":" + place.owner;
}

/// What the address names. The alternative is the refusal.
tl::expected<RequirementRevision, Response> named(Context& context, const Request& request)
{
    const auto& caller = request.caller;
    const auto& name = request.parameters.at(0);
    if (names_domain(request) && !caller.admin)
        return tl::unexpected(forbidden());
    auto found = names_domain(request) ? context.requirements.find(named_domain(request), name)
                                       : context.requirements.find(caller.project_id, caller.domain_id, name);
    if (!found)
        return tl::unexpected(error(found.error(), "requirement"));
    return std::move(*found);
}

/// The same, for one who may change it.
tl::expected<RequirementRevision, Response> changeable(Context& context, const Request& request)
{
    auto found = named(context, request);
    if (found && !found->project && !request.caller.admin)
        return tl::unexpected(forbidden());
    return found;
}

}  // namespace

Response list_requirements(Context& context, const Request& request)
{
    const auto page = page_of(request);
    if (!page)
        return page.error();
    const auto before = place_of_marker(page->marker);
    if (!before)
        return error(before.error(), "query");
    const auto known = context.requirements.list(page->scope);
    if (!known)
        return error(known.error(), "requirements");
    nlohmann::json::array_t list;
    for (const auto& each : *known)
        if (place_of(each.scope(), each.name) > *before && list.size() <= page->limit)
            list.push_back(to_json(each));
    return json_response(200, paged(request, *page, "requirements", std::move(list), marker_of,
                                    public_base(context, request)));
}

Response post_requirement(Context& context, const Request& request)
{
    const auto body = json_body(request);
    if (!body)
        return error(body.error(), "body");
    auto wanted = draft(*body, request.caller, true);
    if (!wanted)
        return error(wanted.error(), "requirement");
    if (!wanted->scope.project && !request.caller.admin)
        return forbidden();
    const auto mode = mode_of(request);
    if (!mode)
        return error(mode.error(), "query");
    if (!wanted->scope.project && !wanted->scope.domain.empty() && context.check_domain)
        if (const auto there = context.check_domain(wanted->scope.domain); !there)
            return error(there.error(),
                         there.error().kind == FailureKind::unavailable ? "identity" : "requirement");
    if (const auto space = context.artifacts.check_space(); !space && *mode == Mode::store)
        return error(space.error(), "requirement");
    const auto created =
        context.requirements.create(wanted->scope, std::move(wanted->document), author_of(request), *mode);
    if (!created)
        return refusal(created.error());
    if (*mode == Mode::dry_run)
        return outlook(context, request, *created);
    auto response = json_response(201, to_json(*created));
    response.headers["Location"] = "/v1/requirements/" + created->name;
    return response;
}

Response get_requirement(Context& context, const Request& request)
{
    const auto revisions = flag_of(request, "revisions");
    if (!revisions)
        return error(revisions.error(), "query");
    if (!*revisions) {
        const auto found = named(context, request);
        return found ? json_response(200, to_json(*found)) : found.error();
    }
    const auto& caller = request.caller;
    const auto& name = request.parameters.at(0);
    if (names_domain(request) && !caller.admin)
        return forbidden();
    const auto history = names_domain(request)
                             ? context.requirements.history(named_domain(request), name)
                             : context.requirements.history(caller.project_id, caller.domain_id, name);
    if (!history)
        return error(history.error(), "requirement");
    auto json = to_json(*history);
    if (!json["intact"])
        spdlog::error("requirement {} {}: {}", name, to_text(history->front().scope()),
                      json["problem"].get<std::string>());
    json["links"] = nlohmann::json::array();
    return json_response(200, json);
}

Response put_requirement(Context& context, const Request& request)
{
    const auto body = json_body(request);
    if (!body)
        return error(body.error(), "body");
    auto wanted = draft(*body, request.caller, false);
    if (!wanted)
        return error(wanted.error(), "requirement");
    const auto current = changeable(context, request);
    if (!current)
        return current.error();
    const auto mode = mode_of(request);
    if (!mode)
        return error(mode.error(), "query");
    if (const auto space = context.artifacts.check_space(); !space && *mode == Mode::store)
        return error(space.error(), "requirement");  // every revision is kept
    const auto next =
        context.requirements.replace(*current, std::move(wanted->document), author_of(request), *mode);
    if (!next)
        return refusal(next.error());
    return *mode == Mode::dry_run ? outlook(context, request, *next) : json_response(200, to_json(*next));
}

Response get_audit(Context& context, const Request& request)
{
    std::optional<long long> at;
    if (const auto given = request.query.find("at"); given != request.query.end()) {
        const auto& text = given->second;
        if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos)
            return error(400, "query.invalid",
                         "at: '" + text.substr(0, 80) +
                             "' is no number of revisions, as /v1/audit answers it");
        at = std::stoll(text);
    }
    const auto audit = context.requirements.audit(at);
    if (!audit)
        return error(audit.error(), "query");
    for (const auto& problem : audit->problems)
        spdlog::error("{}", problem);
    return json_response(200, to_json(*audit));
}

Response delete_requirement(Context& context, const Request& request)
{
    const auto current = changeable(context, request);
    if (!current)
        return current.error();
    const auto mode = mode_of(request);
    if (!mode)
        return error(mode.error(), "query");
    const auto ended = context.requirements.remove(*current, author_of(request), *mode);
    if (!ended)
        return error(ended.error(), "requirement");
    return *mode == Mode::dry_run ? outlook(context, request, *ended) : Response{204, {}, ""};
}

}  // namespace unikernel::api
