// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>
#include <variant>

#include "builder_service/api/http_types.hh"
#include "builder_service/identity/authenticator.hh"
#include "builder_service/identity/policy.hh"

namespace unikernel::api
{

/// Whether a request may pass: who makes it, and what the policy says to that. Thread-safe.
class AccessControl
{
public:
    /// Both outlive it.
    AccessControl(Authenticator& authenticator, Policy& policy)
        : authenticator_(authenticator), policy_(policy)
    {
    }

    using Decision = std::variant<Response, Caller>;
    /// Calls `decided` once, maybe on another thread; does not block. An empty rule lets everybody pass,
    /// as a caller without roles. The refusals: 401 with a challenge, 403, 503 with Retry-After.
    void decide(std::string_view rule, const Request& head, std::function<void(Decision)> decided);

private:
    Decision decision(std::string_view rule, Verdict verdict) const;
    Response refusal(const Denial& denial) const;

    Authenticator& authenticator_;
    Policy& policy_;
};

/// What a request's X-Openstack-Request-Id is worth: itself, when it is "req-<uuid>"; else nothing.
std::string global_request_id(const Request& head);

}  // namespace unikernel::api
