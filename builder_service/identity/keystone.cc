// SPDX-License-Identifier: Apache-2.0
#include "builder_service/identity/keystone.hh"

#include <algorithm>

#include <spdlog/spdlog.h>

namespace unikernel
{

using std::chrono::system_clock;

namespace
{

constexpr std::size_t token_bytes = 8192;  ///< of a token that is worth a question
constexpr std::chrono::seconds come_again{5};

Denial unauthorized(std::string message)
{
    return {Denial::Kind::unauthorized, std::move(message), {}};
}

Denial unavailable()
{
    return {Denial::Kind::unavailable,
            "the identity service does not answer as it should, so nobody can be recognised; try again "
            "later, and tell the operator, whose log says more, if it lasts",
            come_again};
}

/// Could be a token at all; what is not is not worth a question, and might not fit into a header.
bool plausible(const std::string& token)
{
    return token.size() <= token_bytes &&
           std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

KeystoneAuthenticator::KeystoneAuthenticator(Settings settings, Session& session)
    : settings_(std::move(settings)), session_(session), cache_(settings_.cache_entries),
      executor_(settings_.threads, settings_.waiting)
{
}

KeystoneAuthenticator::~KeystoneAuthenticator()
{
    stop_.request_stop();  // else the threads would wait for a Keystone that does not answer
}

std::string KeystoneAuthenticator::challenge() const
{
    return "Keystone uri=\"" + settings_.www_authenticate_uri + "\"";
}

void KeystoneAuthenticator::authenticate(Credentials credentials, std::function<void(Verdict)> done)
{
    if (auto verdict = decide(credentials, Ask::nobody)) {
        done(std::move(*verdict));
        return;
    }
    auto task = [this, credentials = std::move(credentials), done] {
        done(decide(credentials, Ask::keystone).value_or(tl::unexpected(unavailable())));
    };
    if (!executor_.post(std::move(task)))
        done(tl::unexpected(Denial{Denial::Kind::unavailable,
                                   "too many requests wait for the identity service; try again later",
                                   come_again}));
}

std::optional<Verdict> KeystoneAuthenticator::decide(const Credentials& credentials, Ask ask)
{
    if (credentials.token.empty())
        return tl::unexpected(unauthorized("a token of Keystone's is needed in X-Auth-Token"));
    bool service = false;
    if (!credentials.service_token.empty()) {
        const auto found = look_up(credentials.service_token, false, credentials, ask);
        if (!found)
            return std::nullopt;
        if (!*found)
            return tl::unexpected((*found).error());
        const auto& roles = settings_.service_token_roles;
        service = **found != nullptr && std::any_of(roles.begin(), roles.end(), [&](const auto& role) {
            const auto& held = (**found)->roles;
            return std::find(held.begin(), held.end(), role) != held.end();
        });
        if (!service)
            return tl::unexpected(unauthorized("the token in X-Service-Token is not a service's"));
    }
    const auto found = look_up(credentials.token, service, credentials, ask);
    if (!found)
        return std::nullopt;
    if (!*found)
        return tl::unexpected((*found).error());
    if (**found == nullptr)
        return tl::unexpected(unauthorized("the token in X-Auth-Token is unknown, revoked or expired"));
    return admit(***found, service, credentials);
}

/// Null facts: unknown to Keystone, or expired and not `late`.
std::optional<KeystoneAuthenticator::Found>
KeystoneAuthenticator::look_up(const std::string& token, bool late, const Credentials& credentials, Ask ask)
{
    if (!plausible(token))
        return TokenCache::Facts();
    const auto key = TokenCache::key(token, late);
    auto facts = cache_.find(key, TokenCache::Clock::now());
    if (!facts) {
        if (ask == Ask::nobody)
            return std::nullopt;
        auto found = ask_keystone(token, late, credentials.global_request_id);
        if (!found) {
            spdlog::warn("{} the token could not be checked with Keystone", credentials.request_id);
            return found;
        }
        facts = *found;
        remember(key, *facts);
    }
    if (*facts != nullptr && !late && (*facts)->expires <= system_clock::now())
        return TokenCache::Facts();
    return *facts;
}

void KeystoneAuthenticator::remember(const Digest& key, const TokenCache::Facts& facts)
{
    const auto now = TokenCache::Clock::now();
    if (settings_.cache_time.count() <= 0)
        return;
    if (facts == nullptr) {
        cache_.keep(key, facts, now + std::min(settings_.unknown_time, settings_.cache_time));
        return;
    }
    const auto left = facts->expires - system_clock::now();
    if (left.count() > 0)
        cache_.keep(
            key, facts,
            now + std::min<TokenCache::Clock::duration>(
                      settings_.cache_time, std::chrono::duration_cast<TokenCache::Clock::duration>(left)));
}

KeystoneAuthenticator::Found KeystoneAuthenticator::ask_keystone(const std::string& token, bool late,
                                                                 const std::string& request_id)
{
    RestClient::Call call;
    call.path = late ? "/v3/auth/tokens?allow_expired=1" : "/v3/auth/tokens";
    call.headers = {{"X-Subject-Token", token}, {"OpenStack-Identity-Access-Rules", "1"}};
    call.global_request_id = request_id;
    call.stop = stop_.get_token();
    const auto answer = session_.authorized(
        [&](const std::string& mine) {
            call.headers["X-Auth-Token"] = mine;
            return session_.keystone().send(call);
        },
        request_id, stop_.get_token());
    if (!answer) {
        spdlog::error("{}", answer.error().message);
        return tl::unexpected(unavailable());
    }
    return from_answer(*answer);
}

KeystoneAuthenticator::Found KeystoneAuthenticator::from_answer(const RestClient::Answer& answer)
{
    if (answer.status == 404)
        return TokenCache::Facts();
    if (answer.status != 200) {
        const char* why =
            answer.status == 403 ? "; the account in [keystone_authtoken] needs the role 'service' or 'admin'"
            : answer.status == 401 ? "; it takes no token of the account in [keystone_authtoken]"
                                   : "";
        spdlog::error("Keystone at {} answered {} when asked about a token{}", session_.keystone().url(),
                      answer.status, why);
        return tl::unexpected(unavailable());
    }
    const auto body = answer.json();
    const auto facts = body ? decode_token(*body) : tl::unexpected(body.error());
    if (!facts) {
        spdlog::error("Keystone at {}: {}", session_.keystone().url(), facts.error().message);
        return tl::unexpected(unavailable());
    }
    return std::make_shared<const TokenFacts>(*facts);
}

Verdict KeystoneAuthenticator::admit(const TokenFacts& facts, bool service,
                                     const Credentials& credentials) const
{
    if (facts.access_rules && !service) {
        const auto& types = facts.services;
        if (std::find(types.begin(), types.end(), settings_.service_type) == types.end() ||
            !allowed_by(*facts.access_rules, settings_.service_type, credentials.method, credentials.path))
            return tl::unexpected(
                unauthorized("the access rules of the application credential do not allow this request"));
    }
    if (facts.project_id.empty())
        return tl::unexpected(Denial{Denial::Kind::forbidden,
                                     "the token is scoped to " + facts.scope +
                                         "; this service takes tokens that are scoped to a project",
                                     {}});
    Caller caller;
    caller.user_id = facts.user_id;
    caller.project_id = facts.project_id;
    caller.domain_id = facts.domain_id;
    caller.roles = facts.roles;
    caller.service = service || caller.has_role("service");
    caller.request_id = credentials.request_id;
    caller.global_request_id = credentials.global_request_id;
    return caller;
}

}  // namespace unikernel
