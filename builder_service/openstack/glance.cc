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

/// Glance's words for people, from JSON or from the plain page that older versions send.
std::string reason_of(const RestClient::Answer& answer)
{
    if (const auto body = json::parse(answer.text, nullptr, false); body.is_object())
        if (auto message = text_of(body, "message"); !message.empty())
            return message;
    std::string words;
    bool tag = false;
    for (const char c : answer.text) {
        tag = c == '<' || (tag && c != '>');
        if (tag || c == '>')
            continue;
        const bool space = static_cast<unsigned char>(c) <= ' ';
        if (!space)
            words += c;
        else if (!words.empty() && words.back() != ' ')
            words += ' ';
    }
    return words.substr(0, 300);
}

Failure failure_of(const RestClient::Answer& answer)
{
    const auto words = "Glance answers " + std::to_string(answer.status) + ": " + reason_of(answer);
    if (answer.status >= 500 || answer.status == 401 || answer.status == 408 || answer.status == 429)
        return {FailureKind::unavailable, words};
    return {answer.status == 409 ? FailureKind::conflict : FailureKind::invalid, words};
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

Result<std::shared_ptr<RestClient>> Glance::client(const GlanceCall& call)
{
    auto url = settings_.endpoint_override;
    if (url.empty()) {
        auto found =
            session_.endpoint({.type = "image", .interface = settings_.interface, .region = settings_.region},
                              call.global_request_id, call.stop);
        if (!found)
            return tl::unexpected(Failure{
                found.error().kind == FailureKind::not_found ? FailureKind::unavailable : found.error().kind,
                found.error().message});
        url = *found;
    }
    const std::scoped_lock lock(mutex_);
    if (!client_ || client_->url() != url) {
        auto made = RestClient::create({.url = url,
                                        .cafile = session_.account().cafile,
                                        .insecure = session_.account().insecure,
                                        .silence = settings_.silence,
                                        .retries = 0});  // who asks knows how long to try
        if (!made)
            return tl::unexpected(made.error());
        client_ = std::move(*made);
    }
    return client_;
}

Result<RestClient::Answer> Glance::ask(RestClient::Call call, const std::filesystem::path* file)
{
    const auto glance = client({call.global_request_id, call.stop});
    if (!glance)
        return tl::unexpected(glance.error());
    const auto with_token = [&](const std::string& token) {
        auto authorized = call;
        authorized.headers["X-Auth-Token"] = token;
        return file == nullptr ? (*glance)->send(authorized)
                               : (*glance)->send_file(authorized, *file, "application/octet-stream");
    };
    return session_.authorized(with_token, call.global_request_id, call.stop);
}

Result<std::optional<GlanceImage>> Glance::find(const std::string& id, const GlanceCall& call)
{
    const auto answer = ask(make_call("GET", path_of(id), call));
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
    const auto answer = ask(make_call("GET", path, call));
    if (auto good = done(answer); !good)
        return tl::unexpected(good.error());
    const auto body = answer->json();
    if (!body)
        return tl::unexpected(body.error());
    std::vector<GlanceImage> images;
    if (body->is_object() && body->contains("images"))
        for (const auto& image : (*body)["images"])
            if (image.is_object())
                images.push_back(image_of(image));
    return images;
}

Result<void> Glance::create(const json& image, const GlanceCall& call)
{
    auto post = make_call("POST", "/v2/images", call);
    post.body = image;
    return done(ask(std::move(post)));
}

Result<void> Glance::upload(const std::string& id, const std::filesystem::path& file, const GlanceCall& call)
{
    return done(ask(make_call("PUT", path_of(id) + "/file", call), &file));
}

Result<void> Glance::hide(const std::string& id, const GlanceCall& call)
{
    auto patch = make_call("PATCH", path_of(id), call);
    patch.headers["Content-Type"] = "application/openstack-images-v2.1-json-patch";
    patch.body = json::array({json{{"op", "replace"}, {"path", "/os_hidden"}, {"value", true}}});
    return done(ask(std::move(patch)));
}

Result<void> Glance::remove(const std::string& id, const GlanceCall& call)
{
    const auto answer = ask(make_call("DELETE", path_of(id), call));
    return answer && answer->status == 404 ? Result<void>{} : done(answer);
}

}  // namespace unikernel
