// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include <tl/expected.hpp>

#include "builder_service/identity/caller.hh"

namespace unikernel
{

/// What identity looks at in a request's head. Tokens are secrets: they go into no log.
struct Credentials {
    std::string method;         ///< "GET"
    std::string path;           ///< without the query, as sent
    std::string token;          ///< X-Auth-Token; empty: none
    std::string service_token;  ///< X-Service-Token; empty: none
    std::string request_id;
    std::string global_request_id;
};

/// Why nobody was recognised.
struct Denial {
    enum class Kind {
        unauthorized,  ///< no token, or one that is worth nothing: 401
        forbidden,     ///< a good token that cannot be used here: 403
        unavailable    ///< whoever knows does not answer: 503
    };
    Kind kind = Kind::unauthorized;
    std::string message;                  ///< for the client
    std::chrono::seconds retry_after{0};  ///< with `unavailable`
};

using Verdict = tl::expected<Caller, Denial>;

/// Says who makes a request. Thread-safe.
class Authenticator
{
public:
    virtual ~Authenticator() = default;
    /// Calls `done` once: at once on this thread, or later on one of its own. Never blocks.
    virtual void authenticate(Credentials credentials, std::function<void(Verdict)> done) = 0;
    /// Value of WWW-Authenticate in an answer 401.
    virtual std::string challenge() const = 0;
};

/// `identity = none`: whoever reaches the service may do everything, in the project "".
class NoIdentity final : public Authenticator
{
public:
    void authenticate(Credentials credentials, std::function<void(Verdict)> done) override;
    std::string challenge() const override { return {}; }
};

}  // namespace unikernel
