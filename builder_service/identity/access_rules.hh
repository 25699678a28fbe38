// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unikernel
{

/// What an application credential may do (Keystone: "access rules"): one method on paths of one service.
struct AccessRule {
    std::string method;   ///< "GET"
    std::string service;  ///< service type
    std::string path;     ///< pattern
};

/// Whether a pattern takes the whole path: `{tag}` and `*` take one or more bytes without '/', `**` any
/// bytes, everything else itself. (Unlike keystonemiddleware's, a '.' takes a '.' only.)
bool path_matches(std::string_view pattern, std::string_view path);

/// Whether one of the rules allows the request.
bool allowed_by(const std::vector<AccessRule>& rules, std::string_view service, std::string_view method,
                std::string_view path);

}  // namespace unikernel
