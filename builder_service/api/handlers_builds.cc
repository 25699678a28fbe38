// SPDX-License-Identifier: Apache-2.0
// Bundles, builds and their events.
#include <charconv>

#include "builder_service/api/errors.hh"
#include "builder_service/api/handlers.hh"
#include "builder_service/api/limits.hh"
#include "builder_service/api/paging.hh"
#include "builder_service/api/uploads.hh"
#include "common/decode/reader.hh"

namespace unikernel::api
{

namespace
{

constexpr std::size_t requirements_most = 64;
constexpr std::size_t name_most = 255;  ///< characters of an image's name in Glance
const std::string uuid_expression = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

Publication publication(const Reader& reader)
{
    reader.object({"name", "id", "visibility"});
    Publication wish;
    if (const auto name = reader.find("name")) {
        wish.name = name->text(name_most);
        if (wish.name.empty())
            name->refuse("must not be empty");
        if (wish.name.find('\n') != std::string::npos)
            name->refuse("must be one line");
    }
    if (const auto id = reader.find("id")) {
        wish.image_id = id->matching(uuid_expression);
        wish.id_given = true;
    }
    if (const auto visibility = reader.find("visibility")) {
        static const std::vector<std::string> words{"private", "shared"};
        wish.visibility = words[visibility->one_of(words)];
    }
    return wish;
}

/// Names of stored requirements and whole ones, in one list.
void read_requirements(const Reader& list, BuildService::Submission& wanted)
{
    const auto items = list.items();
    if (items.size() > requirements_most)
        list.refuse(std::to_string(items.size()) + " requirements are over the maximum of " +
                    std::to_string(requirements_most));
    for (const auto& item : items) {
        if (item.json().is_string())
            wanted.requirement_names.push_back(item.matching(name_expression));
        else
            wanted.requirements.push_back(item.json());
    }
}

Result<BuildService::Submission> submission(const nlohmann::json& body)
{
    return reading([&] {
        const Reader reader(body, "body");
        reader.object({"bundle", "spec", "requirements", "boot_check", "publish"});
        BuildService::Submission wanted;
        wanted.bundle = reader.at("bundle").text();
        if (const auto spec = reader.find("spec")) {
            wanted.spec = spec->json();
            if (!wanted.spec.is_object())
                spec->refuse("must be an object");
        }
        if (const auto list = reader.find("requirements"))
            read_requirements(*list, wanted);
        if (const auto check = reader.find("boot_check"))
            wanted.boot_check = check->boolean();
        if (const auto publish = reader.find("publish"))
            wanted.publish = publication(*publish);
        return wanted;
    });
}

/// What was wrong with a submission. That a thing it names is not there is a fault of the request, not a
/// missing resource at this address.
Response refusal(const Failure& failure)
{
    switch (failure.kind) {
    case FailureKind::not_found:
        return error(400, "requirement.unknown", "body.requirements: " + failure.message);
    case FailureKind::conflict:
        return error(400, "requirement.not-applicable", "body.requirements: " + failure.message);
    case FailureKind::unavailable:
        return with_retry(error(failure, "builds"));
    default:
        return error(failure, "spec");
    }
}

Result<std::int64_t> first_event(const Request& request)
{
    const auto given = request.query.find("from");
    if (given == request.query.end())
        return 1;
    const auto& text = given->second;
    std::int64_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc{} || end != text.data() + text.size() || value < 0)
        return fail(FailureKind::invalid, "from: '" + text + "' is not the number of an event");
    return value;
}

}  // namespace

Response post_bundle(Context& context, const Request& request)
{
    if (request.body_bytes == 0)
        return error(400, "bundle.invalid", "the body is empty; send a tar archive of the source");
    return with_upload(context, request, "bundle", [&](IncomingFile file) {
        const auto digest = context.artifacts.keep_bundle(std::move(file), request.caller.project_id);
        if (!digest && digest.error().kind == FailureKind::too_large)
            return with_retry(error(429, "bundles.too-many", digest.error().message));
        return digest ? json_response(201, {{"digest", *digest}}) : error(digest.error(), "bundle");
    });
}

Response post_build(Context& context, const Request& request)
{
    const auto body = json_body(request);
    if (!body)
        return error(body.error(), "body");
    auto wanted = submission(*body);
    if (!wanted)
        return error(wanted.error(), "build");
    wanted->project = request.caller.project_id;
    wanted->domain = request.caller.domain_id;
    wanted->user = request.caller.user_id;
    wanted->request_id =
        request.caller.global_request_id.empty() ? request.id : request.caller.global_request_id;
    if (wanted->publish && !context.builds.can_publish())
        return error(400, "publish.impossible",
                     "body.publish: this service is not connected to Glance (identity = keystone and "
                     "[glance] publish = true connect it); leave publish out");
    const Scope own{wanted->project, false};
    const auto bundle = context.artifacts.bundle(wanted->bundle, own);
    if (!bundle && bundle.error().kind == FailureKind::unavailable)
        return error(bundle.error(), "bundle");
    if (!bundle)
        return error(400, bundle.error().kind == FailureKind::not_found ? "bundle.unknown" : "bundle.invalid",
                     "body.bundle: " + bundle.error().message);
    const auto submitted = context.builds.submit(std::move(*wanted));
    if (!submitted)
        return refusal(submitted.error());
    auto response = json_response(submitted->created ? 202 : 200, to_json(submitted->build));
    response.headers["Location"] = "/v1/builds/" + submitted->build.id;
    return response;
}

Response list_builds(Context& context, const Request& request)
{
    const auto page = page_of(request);
    if (!page)
        return page.error();
    const auto builds = context.builds.list(page->scope, page->marker, page->limit + 1);
    if (!builds && builds.error().kind == FailureKind::not_found)
        return error(400, "query.invalid", "marker: " + builds.error().message);
    if (!builds)
        return error(builds.error(), "builds");
    nlohmann::json::array_t list;
    for (const auto& build : *builds)
        list.push_back(to_json(build));
    return json_response(
        200, paged(request, *page, "builds", std::move(list), "id", public_base(context, request)));
}

Response get_build(Context& context, const Request& request)
{
    const auto build = context.builds.find(request.parameters.at(0), scope_of(request));
    return build ? json_response(200, to_json(*build)) : error(build.error(), "build");
}

Response delete_build(Context& context, const Request& request)
{
    const auto cancelled = context.builds.cancel(request.parameters.at(0), scope_of(request));
    return cancelled ? Response{204, {}, ""} : error(cancelled.error(), "build");
}

Response get_events(Context& context, const Request& request)
{
    const auto from = first_event(request);
    if (!from)
        return error(from.error(), "query");
    const auto build = context.builds.find(request.parameters.at(0), scope_of(request));
    if (!build)
        return error(build.error(), "build");
    const auto [place, by_own_project] = context.events.places().take(request.caller);
    if (!place)
        return too_many("event streams",
                        by_own_project ? limits::project_event_streams : limits::event_streams,
                        by_own_project);
    return {
        200,
        {{"Content-Type", "application/x-ndjson"}, {"Cache-Control", "no-store"}},
        LiveStart([&context, place = place, build = *build, from = *from](std::shared_ptr<LiveSink> sink) {
            context.events.add(place, std::move(sink), build, from);
        })};
}

}  // namespace unikernel::api
