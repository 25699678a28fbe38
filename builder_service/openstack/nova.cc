// SPDX-License-Identifier: Apache-2.0
#include "builder_service/openstack/nova.hh"

#include "common/decode/reader.hh"

namespace unikernel
{

namespace
{

using nlohmann::json;

constexpr std::size_t pages_most = 10'000;  ///< a listing that does not end is an error, not a loop
constexpr std::size_t fault_bytes = 1000;

RestClient::Call make_call(std::string method, std::string path, std::stop_token stop)
{
    return {.method = std::move(method),
            .path = std::move(path),
            .headers = {{"Accept", "application/json"},
                        {"OpenStack-API-Version", std::string("compute ") + Nova::microversion},
                        {"X-OpenStack-Nova-API-Version", Nova::microversion}},
            .body = {},
            .repeatable = false,
            .global_request_id = {},
            .stop = std::move(stop)};
}

std::string path_of(const std::string& id)
{
    return "/servers/" + percent_encoded(id);
}

/// "" when absent or null.
std::string text_of(const Reader& object, const std::string& key)
{
    const auto found = object.find(key);
    return found && found->json().is_string() ? found->json().get<std::string>() : "";
}

std::vector<NovaServer::Address> addresses_of(const Reader& server)
{
    std::vector<NovaServer::Address> addresses;
    if (const auto networks = server.find("addresses"))
        for (const auto& [network, entries] : networks->entries())
            for (const auto& entry : entries.items())
                addresses.push_back(
                    {text_of(entry, "addr"), text_of(entry, "OS-EXT-IPS:type") == "floating"});
    return addresses;
}

NovaServer server_of(const Reader& answer)
{
    NovaServer server;
    server.id = answer.at("id").text();
    server.name = text_of(answer, "name");
    server.project = text_of(answer, "tenant_id");
    server.status = answer.at("status").text();
    server.task_state = text_of(answer, "OS-EXT-STS:task_state");
    if (const auto image = answer.find("image"); image && image->json().is_object())
        server.image = text_of(*image, "id");
    if (const auto locked = answer.find("locked"))
        server.locked = locked->boolean();
    if (const auto metadata = answer.find("metadata"))
        for (const auto& [key, value] : metadata->entries())
            server.metadata[key] = text_of(*metadata, key);
    server.addresses = addresses_of(answer);
    if (const auto fault = answer.find("fault"))
        server.fault = text_of(*fault, "message").substr(0, fault_bytes);
    return server;
}

/// What does not read as Nova's answer comes from something else.
template <typename Decode>
auto decoded(Decode&& decode) -> Result<decltype(decode())>
{
    auto read = reading(std::forward<Decode>(decode));
    if (!read)
        return fail(FailureKind::unavailable, "Nova: " + read.error().message);
    return read;
}

}  // namespace

Nova::Nova(Session& session, const Settings& settings)
    : client_(session, {.type = "compute",
                        .endpoint_override = settings.endpoint_override,
                        .region = settings.region,
                        .interface = settings.interface,
                        .silence = settings.silence}),
      page_(settings.page)
{
}

/// The JSON of a good answer; null for one without a body.
Result<json> Nova::ask(const RestClient::Call& call)
{
    const auto answer = client_.send(call);
    if (!answer)
        return fail(answer.error().kind, "Nova: " + answer.error().message);
    if (!answer->good())
        return tl::unexpected(failure_of("Nova", *answer));
    if (answer->text.empty())
        return json();
    return answer->json();
}

Result<std::vector<NovaServer>> Nova::list(const std::stop_token& stop)
{
    std::vector<NovaServer> servers;
    for (std::size_t page = 0; page < pages_most; ++page) {
        auto path = "/servers/detail?all_tenants=1&limit=" + std::to_string(page_);
        if (!servers.empty())
            path += "&marker=" + percent_encoded(servers.back().id);
        const auto answer = ask(make_call("GET", std::move(path), stop));
        if (!answer)
            return tl::unexpected(answer.error());
        const auto more = decoded([&] {
            const Reader reader(*answer, "answer");
            const auto before = servers.size();
            for (const auto& each : reader.at("servers").items())
                servers.push_back(server_of(each));
            return servers.size() > before && reader.find("servers_links").has_value();
        });
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            return servers;
    }
    return fail(FailureKind::unavailable, "Nova's list of servers does not end");
}

Result<std::optional<NovaServer>> Nova::find(const std::string& id, std::stop_token stop)
{
    const auto answer = ask(make_call("GET", path_of(id), std::move(stop)));
    if (!answer && answer.error().kind == FailureKind::not_found)
        return std::nullopt;
    if (!answer)
        return tl::unexpected(answer.error());
    return decoded(
        [&]() -> std::optional<NovaServer> { return server_of(Reader(*answer, "answer").at("server")); });
}

RestClient::Call Nova::act(const std::string& id, json action, std::stop_token stop) const
{
    auto call = make_call("POST", path_of(id) + "/action", std::move(stop));
    call.body = std::move(action);
    return call;
}

Result<void> Nova::rebuild(const std::string& id, const std::string& image, std::stop_token stop)
{
    return ask(act(id, {{"rebuild", {{"imageRef", image}}}}, std::move(stop))).map([](const json&) {});
}

Result<std::string> Nova::console(const std::string& id, std::stop_token stop)
{
    const auto answer = ask(act(id, {{"os-getConsoleOutput", json::object()}}, std::move(stop)));
    if (!answer)
        return tl::unexpected(answer.error());
    return decoded([&] { return text_of(Reader(*answer, "answer"), "output"); });
}

}  // namespace unikernel
