// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <openssl/evp.h>

#include "builder_service/api/byte_range.hh"
#include "builder_service/api/errors.hh"
#include "builder_service/api/handlers.hh"
#include "builder_service/api/paging.hh"
#include "builder_service/api/uploads.hh"
#include "builder_service/instances/instance_service.hh"
#include "builder_service/publishing/image_properties.hh"
#include "common/util/hex.hh"
#include "common/util/pattern.hh"

namespace unikernel::api
{

namespace
{

nlohmann::json to_json(const StoredImage& image)
{
    return {{"digest", image.digest},
            {"bytes", image.bytes},
            {"created", image.created},
            {"build", image.build},
            {"description", image.description},
            {"properties", image_properties(image.description, image.digest)},
            {"min_ram", minimum_memory_mib(image.description)},
            {"min_disk", 0}};
}

/// "sha256:<hex>" -> base64 of the digest's bytes, as HTTP's digest headers want it.
std::string base64_of(const std::string& digest)
{
    const auto bytes =
        from_hex(std::string_view(digest).substr(digest.find(':') + 1)).value_or(std::vector<std::uint8_t>{});
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                       static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

/// ?holder=: the Glance image for which the caller stores or deletes bytes; "" without one.
Result<std::string> holder_of(const Request& request)
{
    static const std::string expression = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    const auto given = request.query.find("holder");
    if (given == request.query.end())
        return std::string();
    if (given->second.size() != 36 || !matches(given->second, expression))
        return fail(FailureKind::invalid, "holder: '" + given->second + "' is not the id of a Glance image");
    return given->second;
}

/// From which projects an image is deleted: the caller's, or those an administrator names. The alternative is
/// the refusal.
tl::expected<Scope, Response> named_scope(const Request& request)
{
    const auto all = flag_of(request, "all_projects");
    if (!all)
        return tl::unexpected(error(all.error(), "query"));
    const auto project = request.query.find("project");
    const bool named = project != request.query.end();
    if ((named || *all) && !request.caller.admin)
        return tl::unexpected(
            error(403, "policy.forbidden",
                  std::string(named ? "project" : "all_projects") + " is for administrators"));
    if (named && *all)
        return tl::unexpected(error(400, "query.invalid", "give project or all_projects, not both"));
    return Scope{named ? project->second : request.caller.project_id, *all};
}

}  // namespace

Response post_image(Context& context, const Request& request)
{
    if (request.body_bytes == 0)
        return error(400, "image.invalid", "the body is empty; send the bytes of a finished image");
    const auto holder = holder_of(request);
    if (!holder)
        return error(holder.error(), "query");
    return with_upload(context, request, "image", [&](IncomingFile file) {
        const auto imported =
            context.artifacts.import_image(std::move(file), request.caller.project_id, *holder);
        if (!imported)
            return error(imported.error(), "image");
        auto response = json_response(imported->created ? 201 : 200, to_json(imported->image));
        response.headers["Location"] = "/v1/images/" + imported->image.digest;
        return response;
    });
}

Response list_images(Context& context, const Request& request)
{
    const auto page = page_of(request);
    if (!page)
        return page.error();
    const auto images = context.artifacts.images(page->scope, page->marker, page->limit + 1);
    if (!images)
        return error(images.error(), "images");
    nlohmann::json::array_t list;
    for (const auto& image : *images)
        list.push_back(to_json(image));
    return json_response(
        200, paged(request, *page, "images", std::move(list), "digest", public_base(context, request)));
}

Response get_image(Context& context, const Request& request)
{
    const auto image = context.artifacts.image(request.parameters.at(0), scope_of(request));
    return image ? json_response(200, to_json(*image)) : error(image.error(), "image");
}

Response delete_image(Context& context, const Request& request)
{
    if (context.instances != nullptr) {
        const auto used = context.instances->uses(request.parameters.at(0));
        if (!used || *used)
            return used ? error(409, "image.in_use", "an instance runs this image; delete the instance first")
                        : error(used.error(), "image");
    }
    const auto& digest = request.parameters.at(0);
    const auto holder = holder_of(request);
    if (!holder)
        return error(holder.error(), "query");
    auto scope = named_scope(request);
    if (!scope)
        return scope.error();
    // Glance acts as whoever deletes there, an administrator maybe, or as itself; the holder says whose it
    // is.
    const Scope holders{request.caller.project_id,
                        request.caller.admin || request.caller.has_role("service")};
    const auto removed = holder->empty() ? context.artifacts.remove_image(digest, *scope)
                                         : context.artifacts.release_image(digest, holders, *holder);
    if (removed)
        return {204, {}, ""};
    if (removed.error().kind == FailureKind::not_found && context.artifacts.image(digest, scope_of(request)))
        return error(404, "image.not-found",
                     "image " + digest +
                         " belongs to other projects; ?project=<id> or "
                         "?all_projects=true deletes it there");
    return error(removed.error(), "image");
}

Response get_image_file(Context& context, const Request& request)
{
    const auto image = context.artifacts.image(request.parameters.at(0), scope_of(request));
    if (!image)
        return error(image.error(), "image");
    const auto tag = "\"" + image->digest + "\"";
    const auto base64 = base64_of(image->digest);
    Headers headers = {{"ETag", tag},
                       {"Accept-Ranges", "bytes"},
                       {"Digest", "sha-256=" + base64},              // RFC 3230, for older clients
                       {"Repr-Digest", "sha-256=:" + base64 + ":"},  // RFC 9530
                       {"Cache-Control", "private, immutable"}};
    if (has_entity_tag(request.header("If-None-Match"), tag))
        return {304, std::move(headers), ""};
    headers["Content-Type"] = "application/octet-stream";

    // A HEAD has no range (RFC 9110, 14.2); an If-Range of another image, or a weak one (13.1.5), asks for
    // the whole.
    const auto if_range = request.header("If-Range");
    const bool ranged = request.method == "GET" && (if_range.empty() || if_range == tag);
    const auto range = byte_range(ranged ? request.header("Range") : "", image->bytes);
    if (std::holds_alternative<NotSatisfiable>(range)) {
        auto refusal = error(416, "range.invalid",
                             "the range begins after the image's " + std::to_string(image->bytes) + " bytes");
        refusal.headers["Content-Range"] = "bytes */" + std::to_string(image->bytes);
        return refusal;
    }
    if (const auto* part = std::get_if<ByteRange>(&range)) {
        headers["Content-Range"] = "bytes " + std::to_string(part->first) + "-" +
                                   std::to_string(part->first + part->bytes - 1) + "/" +
                                   std::to_string(image->bytes);
        return {206, std::move(headers), FileRange{image->file, part->first, part->bytes}};
    }
    return {200, std::move(headers), FileRange{image->file, 0, image->bytes}};
}

}  // namespace unikernel::api
