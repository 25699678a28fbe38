// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <openssl/evp.h>

#include "builder_service/api/byte_range.hh"
#include "builder_service/api/errors.hh"
#include "builder_service/api/handlers.hh"
#include "common/util/hex.hh"

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
            {"description", image.description}};
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

}  // namespace

Response list_images(Context& context, const Request& request)
{
    const auto limit = page_limit(request);
    if (!limit)
        return error(limit.error(), "query");
    const auto marker = request.query.find("marker");
    const auto images = context.store.images();
    auto list = nlohmann::json::array();
    for (const auto& image : images)
        if ((marker == request.query.end() || image.digest > marker->second) && list.size() < *limit)
            list.push_back(to_json(image));
    return json_response(200, {{"images", list}});
}

Response get_image(Context& context, const Request& request)
{
    const auto image = context.store.image(request.parameters.at(0));
    return image ? json_response(200, to_json(*image)) : error(image.error(), "image");
}

Response delete_image(Context& context, const Request& request)
{
    const auto removed = context.store.remove_image(request.parameters.at(0));
    return removed ? Response{204, {}, ""} : error(removed.error(), "image");
}

Response get_image_file(Context& context, const Request& request)
{
    const auto image = context.store.image(request.parameters.at(0));
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

    // A HEAD has no range (RFC 9110, 14.2); an If-Range of another image asks for the whole.
    const auto if_range = request.header("If-Range");
    const bool ranged = request.method == "GET" && (if_range.empty() || has_entity_tag(if_range, tag));
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
