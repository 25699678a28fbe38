// SPDX-License-Identifier: Apache-2.0
// Bundles, builds and their events.
#include <charconv>

#include "builder_service/api/errors.hh"
#include "builder_service/api/handlers.hh"
#include "builder_service/api/limits.hh"
#include "common/decode/reader.hh"

namespace unikernel::api
{

namespace
{

constexpr std::size_t requirements_most = 64;
constexpr std::string_view retry_seconds = "10";

/// Counts uploads for as long as it lives.
class UploadSlot
{
public:
    explicit UploadSlot(std::atomic<std::size_t>& open) : open_(open), mine_(++open_) {}
    ~UploadSlot() { --open_; }
    UploadSlot(const UploadSlot&) = delete;
    UploadSlot& operator=(const UploadSlot&) = delete;
    bool granted() const { return mine_ <= limits::uploads; }

private:
    std::atomic<std::size_t>& open_;
    std::size_t mine_;
};

Response with_retry(Response response)
{
    if (response.status == 503)
        response.headers["Retry-After"] = retry_seconds;
    return response;
}

Result<std::string> receive_bundle(Context& context, const Request& request)
{
    auto file = context.store.receive();
    if (!file)
        return tl::unexpected(file.error());
    std::vector<std::byte> piece(std::size_t{64} << 10);
    for (;;) {
        const auto got = request.body->read(piece);
        if (!got)
            return tl::unexpected(got.error());
        if (*got == 0)
            break;
        if (auto written = file->write(std::span(piece).first(*got)); !written)
            return tl::unexpected(written.error());
    }
    if (file->bytes() != request.body_bytes)
        return fail(FailureKind::unavailable, "the client went away before the end of its body");
    return context.store.keep_bundle(std::move(*file));
}

Result<BuildService::Submission> submission(const nlohmann::json& body)
{
    return reading([&] {
        const Reader reader(body, "body");
        reader.object({"bundle", "spec", "requirements", "boot_check"});
        BuildService::Submission wanted;
        wanted.bundle = reader.at("bundle").text();
        wanted.spec = reader.at("spec").json();
        if (!wanted.spec.is_object())
            reader.at("spec").refuse("must be an object");
        if (const auto list = reader.find("requirements")) {
            const auto items = list->items();
            if (items.size() > requirements_most)
                list->refuse(std::to_string(items.size()) + " requirements are over the maximum of " +
                             std::to_string(requirements_most));
            for (const auto& item : items)
                wanted.requirements.push_back(item.json());
        }
        if (const auto check = reader.find("boot_check"))
            wanted.boot_check = check->boolean();
        return wanted;
    });
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
    const UploadSlot slot(context.uploads);
    if (!slot.granted())
        return with_retry(error(503, "bundle.busy",
                                "more than " + std::to_string(limits::uploads) +
                                    " uploads at once; try again in a moment"));
    if (request.body_bytes == 0)
        return error(400, "bundle.invalid", "the body is empty; send a tar archive of the source");
    const auto digest = receive_bundle(context, request);
    if (!digest)
        return error(digest.error(), "bundle");
    return json_response(201, {{"digest", *digest}});
}

Response post_build(Context& context, const Request& request)
{
    const auto body = json_body(request);
    if (!body)
        return error(body.error(), "body");
    auto wanted = submission(*body);
    if (!wanted)
        return error(wanted.error(), "build");
    // A missing bundle is a fault of this request, not a missing resource at this address.
    if (const auto bundle = context.store.bundle(wanted->bundle); !bundle)
        return error(400, bundle.error().kind == FailureKind::not_found ? "bundle.unknown" : "bundle.invalid",
                     "body.bundle: " + bundle.error().message);
    const auto submitted = context.builds.submit(std::move(*wanted));
    if (!submitted)
        return with_retry(
            error(submitted.error(), submitted.error().kind == FailureKind::unavailable ? "builds" : "spec"));
    auto response = json_response(submitted->created ? 202 : 200, to_json(submitted->build));
    response.headers["Location"] = "/v1/builds/" + submitted->build.id;
    return response;
}

Response list_builds(Context& context, const Request& request)
{
    const auto limit = page_limit(request);
    if (!limit)
        return error(limit.error(), "query");
    const auto marker = request.query.find("marker");
    const auto builds = context.builds.list(marker == request.query.end() ? "" : marker->second, *limit);
    if (!builds && builds.error().kind == FailureKind::not_found)
        return error(400, "query.invalid", "marker: " + builds.error().message);
    if (!builds)
        return error(builds.error(), "builds");
    auto list = nlohmann::json::array();
    for (const auto& build : *builds)
        list.push_back(to_json(build));
    return json_response(200, {{"builds", list}});
}

Response get_build(Context& context, const Request& request)
{
    const auto build = context.builds.find(request.parameters.at(0));
    return build ? json_response(200, to_json(*build)) : error(build.error(), "build");
}

Response delete_build(Context& context, const Request& request)
{
    const auto cancelled = context.builds.cancel(request.parameters.at(0));
    return cancelled ? Response{204, {}, ""} : error(cancelled.error(), "build");
}

Response get_events(Context& context, const Request& request)
{
    const auto from = first_event(request);
    if (!from)
        return error(from.error(), "query");
    const auto build = context.builds.find(request.parameters.at(0));
    if (!build)
        return error(build.error(), "build");
    const auto place = context.events.reserve();
    if (!place)
        return with_retry(error(503, "events.too-many",
                                "more than " + std::to_string(limits::event_streams) +
                                    " event streams at once; try again in a moment"));
    return {200,
            {{"Content-Type", "application/x-ndjson"}, {"Cache-Control", "no-store"}},
            LiveStart([&context, place, build = *build, from = *from](std::shared_ptr<LiveSink> sink) {
                context.events.add(place, std::move(sink), build, from);
            })};
}

}  // namespace unikernel::api
