// SPDX-License-Identifier: Apache-2.0
#include "builder_service/openstack/glance.hh"

#include <algorithm>

namespace unikernel
{

namespace
{

using nlohmann::json;

constexpr int images_most = 1000;  // Glance's own largest page

std::string text_of(const json& object, const char* name)
{
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

GlanceImage image_of(const json& answer)
{
    GlanceImage image;
    image.id = text_of(answer, "id");
    image.name = text_of(answer, "name");
    image.owner = text_of(answer, "owner");
    image.status = text_of(answer, "status");
    image.created = text_of(answer, "created_at");
    image.hash_algorithm = text_of(answer, "os_hash_algo");
    image.hash = text_of(answer, "os_hash_value");
    const auto size = answer.find("size");
    image.bytes =
        size != answer.end() && size->is_number_integer() && *size >= 0 ? size->get<std::uint64_t>() : 0;
    image.hidden = answer.value("os_hidden", json(false)) == true;
    image.all = answer;
    return image;
}

/// Every image is found by its id here, so one that is gone is refused like a wrong one.
Failure failure_of(const RestClient::Answer& answer)
{
    auto failure = unikernel::failure_of("Glance", answer);
    if (failure.kind == FailureKind::not_found)
        failure.kind = FailureKind::invalid;
    return failure;
}

Result<void> done(const Result<RestClient::Answer>& answer)
{
    if (!answer)
        return tl::unexpected(answer.error());
    return answer->good() ? Result<void>{} : tl::unexpected(failure_of(*answer));
}

RestClient::Call make_call(std::string method, std::string path, const GlanceCall& call)
{
    return {.method = std::move(method),
            .path = std::move(path),
            .headers = {{"Accept", "application/json"}},
            .body = {},
            .repeatable = false,
            .global_request_id = call.global_request_id,
            .stop = call.stop};
}

std::string path_of(const std::string& id)
{
    return "/v2/images/" + percent_encoded(id);
}

}  // namespace

std::string GlanceImage::property(const std::string& name) const
{
    return all.is_object() ? text_of(all, name.c_str()) : "";
}

Result<std::optional<GlanceImage>> Glance::find(const std::string& id, const GlanceCall& call)
{
    const auto answer = client_.send(make_call("GET", path_of(id), call));
    if (answer && answer->status == 404)
        return std::nullopt;
    if (auto good = done(answer); !good)
        return tl::unexpected(good.error());
    const auto body = answer->json();
    if (!body)
        return tl::unexpected(body.error());
    return image_of(*body);
}

Result<std::vector<GlanceImage>> Glance::list(const std::map<std::string, std::string>& query,
                                              const GlanceCall& call)
{
    auto path = "/v2/images?limit=" + std::to_string(images_most);
    for (const auto& [name, value] : query)
        path += "&" + percent_encoded(name) + "=" + percent_encoded(value);
    std::vector<GlanceImage> images;
    for (std::string marker;;) {
        const auto beyond = marker.empty() ? "" : "&marker=" + percent_encoded(marker);
        const auto answer = client_.send(make_call("GET", path + beyond, call));
        if (auto good = done(answer); !good)
            return tl::unexpected(good.error());
        const auto body = answer->json();
        if (!body)
            return tl::unexpected(body.error());
        if (body->is_object() && body->contains("images"))
            for (const auto& image : (*body)["images"])
                if (image.is_object())
                    images.push_back(image_of(image));
        const bool more = body->is_object() && !text_of(*body, "next").empty();
        if (!more || images.empty() || images.back().id == marker)
            return images;
        marker = images.back().id;
    }
}

Result<void> Glance::create(const json& image, const GlanceCall& call)
{
    auto post = make_call("POST", "/v2/images", call);
    post.body = image;
    return done(client_.send(post));
}

Result<void> Glance::upload(const std::string& id, const std::filesystem::path& file, const GlanceCall& call)
{
    return done(client_.send_file(make_call("PUT", path_of(id) + "/file", call), file));
}

Result<void> Glance::set_hidden(const std::string& id, bool hidden, const GlanceCall& call)
{
    auto patch = make_call("PATCH", path_of(id), call);
    patch.headers["Content-Type"] = "application/openstack-images-v2.1-json-patch";
    patch.body = json::array({json{{"op", "replace"}, {"path", "/os_hidden"}, {"value", hidden}}});
    return done(client_.send(patch));
}

Result<void> Glance::deactivate(const std::string& id, const GlanceCall& call)
{
    return done(client_.send(make_call("POST", path_of(id) + "/actions/deactivate", call)));
}

Result<void> Glance::reactivate(const std::string& id, const GlanceCall& call)
{
    return done(client_.send(make_call("POST", path_of(id) + "/actions/reactivate", call)));
}

Result<void> Glance::remove(const std::string& id, const GlanceCall& call)
{
    const auto answer = client_.send(make_call("DELETE", path_of(id), call));
    return answer && answer->status == 404 ? Result<void>{} : done(answer);
}

}  // namespace unikernel
