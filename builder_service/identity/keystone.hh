// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "builder_service/identity/authenticator.hh"
#include "builder_service/identity/token_cache.hh"
#include "builder_service/openstack/session.hh"
#include "common/util/executor.hh"

namespace unikernel
{

/// `identity = keystone`: tokens are checked with Keystone, as keystonemiddleware's auth_token does:
///
/// - a service token, if there is one, is checked first; it must hold one of `service_token_roles`, and
///   then the user's token may have expired;
/// - a token of an application credential with access rules opens only what they name;
/// - only tokens scoped to a project are taken;
/// - what Keystone said is remembered for `cache_time`, so that a revoked token may live on for so long;
///   its expiry is looked at with each request.
///
/// Keystone is asked on threads of this class, never on the caller's. Thread-safe.
class KeystoneAuthenticator final : public Authenticator
{
public:
    struct Settings {
        std::string www_authenticate_uri;      ///< for clients without a token
        std::chrono::seconds cache_time{300};  ///< 0 or less: nothing is remembered
        std::vector<std::string> service_token_roles = {"service"};
        std::string service_type = "unikernel";
        std::size_t cache_entries = 10'000;
        unsigned threads = 4;                  ///< questions to Keystone at once
        std::size_t waiting = 64;              ///< requests that wait for one; then 503
        std::chrono::seconds unknown_time{5};  ///< a token that Keystone does not know is refused unasked
    };
    /// `session` outlives it.
    KeystoneAuthenticator(Settings settings, Session& session);
    ~KeystoneAuthenticator() override;

    void authenticate(Credentials credentials, std::function<void(Verdict)> done) override;
    std::string challenge() const override;

private:
    using Found = tl::expected<TokenCache::Facts, Denial>;
    enum class Ask { nobody, keystone };
    /// Nothing: Keystone would have to be asked.
    std::optional<Verdict> decide(const Credentials& credentials, Ask ask);
    std::optional<Found> look_up(const std::string& token, bool late, const Credentials& credentials,
                                 Ask ask);
    Found ask_keystone(const std::string& token, bool late, const std::string& request_id);
    Found from_answer(const RestClient::Answer& answer);
    void remember(const Digest& key, const TokenCache::Facts& facts);
    Verdict admit(const TokenFacts& facts, bool service, const Credentials& credentials) const;

    const Settings settings_;
    Session& session_;
    TokenCache cache_;
    std::stop_source stop_;
    Executor executor_;  // last: it uses all of the above
};

}  // namespace unikernel
