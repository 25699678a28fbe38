// SPDX-License-Identifier: Apache-2.0
#include "builder_service/identity/domains.hh"

#include <spdlog/spdlog.h>

namespace unikernel
{

Result<void> check_domain(Session& session, const std::string& id)
{
    RestClient::Call call;
    call.path = "/v3/domains/" + id;
    const auto answer = session.authorized([&](const std::string& token) {
        call.headers = {{"X-Auth-Token", token}};
        return session.keystone().send(call);
    });
    if (!answer)
        return tl::unexpected(answer.error());
    if (answer->status == 403) {
        spdlog::warn(
            "Keystone does not let the account in [keystone_authtoken] ask for domain {}; that there is one "
            "is taken for granted. With the role 'admin' or 'reader' of the system it may",
            id);
        return {};
    }
    if (answer->status != 200 && answer->status != 404)
        return fail(FailureKind::unavailable, "Keystone answered " + std::to_string(answer->status) +
                                                  " when asked for domain " + id + "; try again later");
    const auto body =
        answer->status == 200 ? answer->json() : Result<nlohmann::json>(nlohmann::json::object());
    if (!body)
        return tl::unexpected(body.error());
    const auto domain = body->value("domain", nlohmann::json::object());
    if (!domain.is_object() || domain.value("id", nlohmann::json()) != id)  // the id may have been a path
        return fail(FailureKind::invalid, "body.domain: Keystone has no domain with the id " + id +
                                              "; `openstack domain list` shows them with their ids");
    return {};
}

}  // namespace unikernel
