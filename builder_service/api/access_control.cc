// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/access_control.hh"

#include "builder_service/api/errors.hh"

namespace unikernel::api
{

std::string global_request_id(const Request& head)
{
    static constexpr std::string_view form = "req-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    const auto id = head.header("X-Openstack-Request-Id");
    const bool good = std::equal(id.begin(), id.end(), form.begin(), form.end(), [](char have, char want) {
        return want == 'x' ? (have >= '0' && have <= '9') || (have >= 'a' && have <= 'f') : have == want;
    });
    return good ? std::string(id) : std::string();
}

void AccessControl::decide(std::string_view rule, const Request& head, std::function<void(Decision)> decided)
{
    Credentials credentials{.method = head.method,
                            .path = head.path,
                            .token = std::string(head.header("X-Auth-Token")),
                            .service_token = std::string(head.header("X-Service-Token")),
                            .request_id = head.id,
                            .global_request_id = global_request_id(head)};
    if (rule.empty()) {
        Caller nobody;
        nobody.request_id = std::move(credentials.request_id);
        nobody.global_request_id = std::move(credentials.global_request_id);
        decided(std::move(nobody));
        return;
    }
    authenticator_.authenticate(std::move(credentials),
                                [this, rule, decided = std::move(decided)](Verdict verdict) {
                                    decided(decision(rule, std::move(verdict)));
                                });
}

AccessControl::Decision AccessControl::decision(std::string_view rule, Verdict verdict) const
{
    if (!verdict)
        return refusal(verdict.error());
    auto caller = std::move(*verdict);
    caller.admin = policy_.allows("admin_required", caller);
    if (!policy_.allows(rule, caller))
        return error(403, "policy.forbidden",
                     "the policy's rule " + std::string(rule) +
                         " does not allow it with the roles that the token has in its project");
    return caller;
}

Response AccessControl::refusal(const Denial& denial) const
{
    switch (denial.kind) {
    case Denial::Kind::forbidden:
        return error(403, "policy.forbidden", denial.message);
    case Denial::Kind::unavailable: {
        auto response = error(503, "identity.unavailable", denial.message);
        response.headers["Retry-After"] = std::to_string(denial.retry_after.count());
        return response;
    }
    case Denial::Kind::unauthorized:
        break;
    }
    auto response = error(401, "identity.unauthorized", denial.message);
    response.headers["WWW-Authenticate"] = authenticator_.challenge();
    return response;
}

}  // namespace unikernel::api
