// SPDX-License-Identifier: Apache-2.0
// One call of the service's Glance client, for tests against a real Glance:
//
//     unikernel-glance-action KEYSTONE-URL GLANCE-URL USER PASSWORD PROJECT deactivate|reactivate IMAGE-ID
//
// Prints nothing, or the failure as "kind-number: message" and ends with 1.
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "builder_service/openstack/glance.hh"

int main(int count, char** words)
{
    using namespace unikernel;
    const std::vector<std::string> arguments(words + 1, words + count);
    if (arguments.size() != 7)
        return 2;
    Account account;
    account.auth_url = arguments[0];
    account.user.name = arguments[2];
    account.password = arguments[3];
    account.project.name = arguments[4];
    account.user_domain.name = account.project_domain.name = "Default";
    const auto session = Session::create(account);
    if (!session)
        return 2;
    Glance glance(**session, {.endpoint_override = arguments[1],
                              .region = {},
                              .interface = "public",
                              .silence = std::chrono::seconds(60)});
    const auto done = arguments[5] == "deactivate" ? glance.deactivate(arguments[6], {})
                                                   : glance.reactivate(arguments[6], {});
    if (done)
        return 0;
    std::cout << static_cast<int>(done.error().kind) << ": " << done.error().message << "\n";
    return 1;
}
