// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace unikernel
{

/// Whose resources an operation sees. What is outside of it does not exist for the one who asks.
struct Scope {
    std::string project;        ///< Keystone's id; "" without identity
    bool all_projects = false;  ///< an administrator's, and the service's own
    std::string domain = {};    ///< the project's, of which it sees requirements; "" without identity

    bool holds(std::string_view owner) const { return all_projects || owner == project; }
};

}  // namespace unikernel
