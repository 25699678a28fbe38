// SPDX-License-Identifier: Apache-2.0
#include "builder_service/openstack/session.hh"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "common/decode/reader.hh"
#include "common/util/time.hh"

namespace unikernel
{

using std::chrono::system_clock;

namespace
{

constexpr std::chrono::seconds renewal_margin{60};
constexpr std::size_t token_bytes = 8192;  ///< of a token's id; Fernet's are about 200, JWS about 1 KiB

nlohmann::json named(const NameOrId& thing)
{
    return thing.id.empty() ? nlohmann::json{{"name", thing.name}} : nlohmann::json{{"id", thing.id}};
}

nlohmann::json named(const NameOrId& thing, const NameOrId& domain)
{
    auto value = named(thing);
    if (thing.id.empty())
        value["domain"] = named(domain);
    return value;
}

nlohmann::json password_request(const Account& account)
{
    auto user = named(account.user, account.user_domain);
    user["password"] = account.password;
    return {{"auth",
             {{"identity", {{"methods", {"password"}}, {"password", {{"user", user}}}}},
              {"scope", {{"project", named(account.project, account.project_domain)}}}}}};
}

std::string described(const NameOrId& thing)
{
    return thing.id.empty() ? "'" + thing.name + "'" : "with id '" + thing.id + "'";
}

/// What Keystone says is wrong; its error form is {"error":{"message":...}}.
std::string message_of(const RestClient::Answer& answer)
{
    const auto body = nlohmann::json::parse(answer.text, nullptr, false);
    if (body.is_object() && body.contains("error") && body["error"].is_object() &&
        body["error"].contains("message") && body["error"]["message"].is_string())
        return body["error"]["message"].get<std::string>().substr(0, 400);
    return "no reason given";
}

Result<void> check(const Account& account)
{
    const auto missing = [](const std::string& key) {
        return fail(FailureKind::invalid, "[keystone_authtoken] " + key + " is missing");
    };
    const auto given = [](const NameOrId& thing) { return !thing.name.empty() || !thing.id.empty(); };
    if (account.auth_url.empty())
        return missing("auth_url");
    if (!given(account.user))
        return missing("username");
    if (account.password.empty())
        return missing("password");
    if (!given(account.project))
        return missing("project_name");
    if (account.user.id.empty() && !given(account.user_domain))
        return missing("user_domain_name");
    if (account.project.id.empty() && !given(account.project_domain))
        return missing("project_domain_name");
    return {};
}

}  // namespace

Session::Session(Account account, std::unique_ptr<RestClient> keystone)
    : account_(std::move(account)), keystone_(std::move(keystone))
{
}

Result<std::unique_ptr<Session>> Session::create(Account account)
{
    if (auto good = check(account); !good)
        return tl::unexpected(good.error());
    auto url = account.auth_url;
    while (url.ends_with('/'))
        url.pop_back();
    if (url.ends_with("/v3"))
        url.resize(url.size() - 3);
    auto keystone = RestClient::create({.url = url,
                                        .cafile = account.cafile,
                                        .insecure = account.insecure,
                                        .silence = account.silence,
                                        .retries = account.retries});
    if (!keystone)
        return fail(FailureKind::invalid,
                    "[keystone_authtoken] auth_url, cafile: " + keystone.error().message);
    return std::unique_ptr<Session>(new Session(std::move(account), std::move(*keystone)));
}

Result<Session::Token> Session::issue(const std::string& global_request_id, std::stop_token stop)
{
    const auto answer = keystone_->send({.method = "POST",
                                         .path = "/v3/auth/tokens",
                                         .headers = {},
                                         .body = password_request(account_),
                                         .repeatable = true,
                                         .global_request_id = global_request_id,
                                         .stop = std::move(stop)});
    if (!answer)
        return fail(answer.error().kind, "Keystone: " + answer.error().message);
    if (answer->status != 201)
        return fail(FailureKind::unavailable,
                    "Keystone at " + keystone_->url() + " gives user " + described(account_.user) +
                        " no token for project " + described(account_.project) + ": " +
                        std::to_string(answer->status) + ", " + message_of(*answer) +
                        (answer->status < 500 ? "; check the account in [keystone_authtoken]" : ""));
    Token token;
    token.id = answer->header("x-subject-token");
    if (token.id.empty() || token.id.size() > token_bytes)
        return fail(FailureKind::unavailable,
                    "what answers at " + keystone_->url() + " is no Keystone: it sent no X-Subject-Token");
    const auto body = answer->json();
    if (!body)
        return tl::unexpected(body.error());
    auto read = reading([&] {
        const auto reader = Reader(*body, "answer").at("token");
        const auto expires = parse_time(reader.at("expires_at").text());
        if (!expires)
            reader.at("expires_at").refuse(expires.error().message);
        token.expires = *expires;
        if (const auto catalog = reader.find("catalog"))
            token.catalog = catalog->json();
        return token;
    });
    if (!read)
        return fail(FailureKind::unavailable,
                    "Keystone at " + keystone_->url() + ": " + read.error().message);
    spdlog::debug("a token of Keystone for user {}", described(account_.user));
    return read;
}

Result<Session::Token> Session::current(const std::string& global_request_id, std::stop_token stop)
{
    const std::scoped_lock lock(mutex_);
    if (!token_ || system_clock::now() + renewal_margin >= token_->expires) {
        token_.reset();
        auto made = issue(global_request_id, std::move(stop));
        if (!made)
            return made;
        token_ = std::move(*made);
    }
    return *token_;
}

Result<std::string> Session::token(const std::string& global_request_id, std::stop_token stop)
{
    return current(global_request_id, std::move(stop)).map([](const Token& token) { return token.id; });
}

void Session::forget(const std::string& token)
{
    const std::scoped_lock lock(mutex_);
    if (token_ && token_->id == token)
        token_.reset();
}

Result<RestClient::Answer> Session::authorized(const WithToken& call, const std::string& global_request_id,
                                               const std::stop_token& stop)
{
    for (int attempt = 0;; ++attempt) {
        const auto mine = token(global_request_id, stop);
        if (!mine)
            return tl::unexpected(mine.error());
        auto answer = call(*mine);
        if (!answer || answer->status != 401 || attempt == 1)
            return answer;
        forget(*mine);
    }
}

Result<std::string> Session::endpoint(const Endpoint& wanted, const std::string& global_request_id,
                                      std::stop_token stop)
{
    const auto token = current(global_request_id, std::move(stop));
    if (!token)
        return tl::unexpected(token.error());
    auto url = find_endpoint(token->catalog, wanted);
    if (!url)
        return fail(FailureKind::not_found, "Keystone's catalogue has no " + wanted.interface +
                                                " endpoint of type '" + wanted.type + "'" +
                                                (wanted.region.empty() ? "" : " in region " + wanted.region));
    return *url;
}

std::optional<std::string> find_endpoint(const nlohmann::json& catalog, const Session::Endpoint& wanted)
{
    const auto text = [](const nlohmann::json& object, const char* key) {
        return object.is_object() && object.contains(key) && object[key].is_string()
                   ? object[key].get<std::string>()
                   : std::string();
    };
    for (const auto& service : catalog) {
        if (text(service, "type") != wanted.type || !service.contains("endpoints"))
            continue;
        for (const auto& endpoint : service["endpoints"]) {
            auto url = text(endpoint, "url");
            const bool here = wanted.region.empty() || text(endpoint, "region_id") == wanted.region ||
                              text(endpoint, "region") == wanted.region;
            if (!here || text(endpoint, "interface") != wanted.interface || url.empty())
                continue;
            while (url.ends_with('/'))
                url.pop_back();
            return url;
        }
    }
    return std::nullopt;
}

Result<system_clock::time_point> parse_time(const std::string& text)
{
    // Keystone says no zone of a token that ends with its application credential, and means UTC.
    const bool no_zone = !text.empty() && text.back() >= '0' && text.back() <= '9' &&
                         text.find_first_of("+-", text.find('T')) == std::string::npos;
    const auto time = parse_rfc3339(no_zone ? text + "Z" : text);
    if (!time)
        return tl::unexpected(time.error());
    // A clock of nanoseconds ends in the year 2262; what is later is as good as never.
    static constexpr std::chrono::sys_seconds never{std::chrono::seconds(9'000'000'000)};
    return std::clamp(*time, std::chrono::sys_seconds{}, never);
}

}  // namespace unikernel
