// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

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
    std::optional<std::string> project;  ///< nothing: global
};

/// {"document":{...}}, and when it is created "project": null (global) or the caller's.
Result<Draft> draft(const nlohmann::json& body, const Caller& caller, bool with_project)
{
    return reading([&] {
        const Reader reader(body, "body");
        reader.object(with_project ? std::vector<std::string>{"name", "document", "project"}
                                   : std::vector<std::string>{"name", "document"});
        Draft wanted{reader.at("document").json(), caller.project_id};
        if (!wanted.document.is_object())
            reader.at("document").refuse("must be an object");
        if (const auto name = reader.find("name");
            name && wanted.document.value("name", nlohmann::json()) != name->json())
            name->refuse("is not the name in document");
        if (body.contains("project")) {
            const auto& project = body["project"];
            if (project.is_null())
                wanted.project.reset();
            else if (project != caller.project_id)
                reader.at("project").refuse("must be null, for all projects, or your own");
        }
        return wanted;
    });
}

Response forbidden()
{
    return error(403, "policy.forbidden", "requirements for all projects are for administrators");
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
Response outlook(Context& context, const RequirementRevision& draft)
{
    const auto changes = context.dry_run.changes(draft);
    if (!changes)
        return error(changes.error(), "requirement");
    return json_response(200, {{"requirement", to_json(draft)}, {"changes", *changes}});
}

/// Finds what the address names, for one who may change it. The alternative is the refusal.
tl::expected<RequirementRevision, Response> changeable(Context& context, const Request& request)
{
    auto found = context.requirements.find(request.caller.project_id, request.parameters.at(0));
    if (!found)
        return tl::unexpected(error(found.error(), "requirement"));
    if (!found->project && !request.caller.admin)
        return tl::unexpected(forbidden());
    return std::move(*found);
}

}  // namespace

Response list_requirements(Context& context, const Request& request)
{
    const auto page = page_of(request);
    if (!page)
        return page.error();
    const auto known = context.requirements.list(page->scope);
    if (!known)
        return error(known.error(), "requirements");
    nlohmann::json::array_t list;
    for (const auto& each : *known)
        if (each.name > page->marker && list.size() <= page->limit)
            list.push_back(to_json(each));
    return json_response(
        200, paged(request, *page, "requirements", std::move(list), "name", public_base(context, request)));
}

Response post_requirement(Context& context, const Request& request)
{
    const auto body = json_body(request);
    if (!body)
        return error(body.error(), "body");
    auto wanted = draft(*body, request.caller, true);
    if (!wanted)
        return error(wanted.error(), "requirement");
    if (!wanted->project && !request.caller.admin)
        return forbidden();
    const auto mode = mode_of(request);
    if (!mode)
        return error(mode.error(), "query");
    if (const auto space = context.artifacts.check_space(); !space && *mode == Mode::store)
        return error(space.error(), "requirement");
    const auto created = context.requirements.create(wanted->project, std::move(wanted->document),
                                                     request.caller.user_id, *mode);
    if (!created)
        return refusal(created.error());
    if (*mode == Mode::dry_run)
        return outlook(context, *created);
    auto response = json_response(201, to_json(*created));
    response.headers["Location"] = "/v1/requirements/" + created->name;
    return response;
}

Response get_requirement(Context& context, const Request& request)
{
    const auto revisions = flag_of(request, "revisions");
    if (!revisions)
        return error(revisions.error(), "query");
    const auto& name = request.parameters.at(0);
    if (!*revisions) {
        const auto found = context.requirements.find(request.caller.project_id, name);
        return found ? json_response(200, to_json(*found)) : error(found.error(), "requirement");
    }
    const auto history = context.requirements.history(request.caller.project_id, name);
    if (!history)
        return error(history.error(), "requirement");
    auto list = nlohmann::json::array();
    for (const auto& each : *history)
        list.push_back(to_json(each));
    return json_response(200, {{"requirements", list}, {"links", nlohmann::json::array()}});
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
        context.requirements.replace(*current, std::move(wanted->document), request.caller.user_id, *mode);
    if (!next)
        return refusal(next.error());
    return *mode == Mode::dry_run ? outlook(context, *next) : json_response(200, to_json(*next));
}

Response delete_requirement(Context& context, const Request& request)
{
    const auto current = changeable(context, request);
    if (!current)
        return current.error();
    const auto mode = mode_of(request);
    if (!mode)
        return error(mode.error(), "query");
    const auto ended = context.requirements.remove(*current, request.caller.user_id, *mode);
    if (!ended)
        return error(ended.error(), "requirement");
    return *mode == Mode::dry_run ? outlook(context, *ended) : Response{204, {}, ""};
}

}  // namespace unikernel::api
