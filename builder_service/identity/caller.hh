// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unikernel
{

/// Who makes a request, and for which project. Made by an Authenticator, and by nothing else.
/// Without identity the project is "" (everything belongs to it) and all roles are held.
struct Caller {
    std::string user_id;
    std::string project_id;
    std::string domain_id;  ///< the project's
    std::vector<std::string> roles;
    bool admin = false;             ///< the policy rule "admin_required" holds
    bool service = false;           ///< came with a valid service token, or has the role "service"
    std::string request_id;         ///< "req-<uuid>" of this request
    std::string global_request_id;  ///< of the request that made the caller call; may be empty

    /// Keystone's role names are compared without regard to ASCII case, as oslo.policy does.
    bool has_role(std::string_view name) const;
};

}  // namespace unikernel
