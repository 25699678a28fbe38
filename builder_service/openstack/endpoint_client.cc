// SPDX-License-Identifier: Apache-2.0
#include "builder_service/openstack/endpoint_client.hh"

namespace unikernel
{

namespace
{

using nlohmann::json;

constexpr std::size_t reason_bytes = 300;

std::string message_of(const json& object)
{
    const auto found = object.find("message");
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string without_tags(const std::string& page)
{
    std::string words;
    bool tag = false;
    for (const char c : page) {
        tag = c == '<' || (tag && c != '>');
        if (tag || c == '>')
            continue;
        const bool space = static_cast<unsigned char>(c) <= ' ';
        if (!space)
            words += c;
        else if (!words.empty() && words.back() != ' ')
            words += ' ';
    }
    return words.substr(0, reason_bytes);
}

}  // namespace

std::string reason_of(const RestClient::Answer& answer)
{
    const auto body = json::parse(answer.text, nullptr, false);
    if (!body.is_object())
        return without_tags(answer.text);
    if (auto message = message_of(body); !message.empty())
        return message;
    for (const auto& part : body)
        if (part.is_object())
            if (auto message = message_of(part); !message.empty())
                return message;
    return without_tags(answer.text);
}

Failure failure_of(const std::string& service, const RestClient::Answer& answer)
{
    auto words = service + " answers " + std::to_string(answer.status) + ": " + reason_of(answer);
    const auto kind = [&] {
        switch (answer.status) {
        case 401:
        case 408:
        case 429:
            return FailureKind::unavailable;
        case 404:
            return FailureKind::not_found;
        case 409:
            return FailureKind::conflict;
        default:
            return answer.status >= 500 ? FailureKind::unavailable : FailureKind::invalid;
        }
    }();
    return {kind, std::move(words)};
}

Result<std::shared_ptr<RestClient>> EndpointClient::client(const RestClient::Call& call)
{
    auto url = settings_.endpoint_override;
    if (url.empty()) {
        auto found = session_.endpoint(
            {.type = settings_.type, .interface = settings_.interface, .region = settings_.region},
            call.global_request_id, call.stop);
        if (!found)
            return fail(found.error().kind == FailureKind::not_found ? FailureKind::unavailable
                                                                     : found.error().kind,
                        found.error().message);
        url = *found;
    }
    const std::scoped_lock lock(mutex_);
    if (!client_ || client_->url() != url) {
        auto made = RestClient::create({.url = url,
                                        .cafile = session_.account().cafile,
                                        .insecure = session_.account().insecure,
                                        .silence = settings_.silence,
                                        .retries = 0});
        if (!made)
            return tl::unexpected(made.error());
        client_ = std::move(*made);
    }
    return client_;
}

Result<RestClient::Answer> EndpointClient::ask(const RestClient::Call& call,
                                               const std::filesystem::path* file)
{
    const auto service = client(call);
    if (!service)
        return tl::unexpected(service.error());
    const auto with_token = [&](const std::string& token) {
        auto authorized = call;
        authorized.headers["X-Auth-Token"] = token;
        return file == nullptr ? (*service)->send(authorized)
                               : (*service)->send_file(authorized, *file, "application/octet-stream");
    };
    return session_.authorized(with_token, call.global_request_id, call.stop);
}

Result<RestClient::Answer> EndpointClient::send(const RestClient::Call& call)
{
    return ask(call, nullptr);
}

Result<RestClient::Answer> EndpointClient::send_file(const RestClient::Call& call,
                                                     const std::filesystem::path& file)
{
    return ask(call, &file);
}

}  // namespace unikernel
