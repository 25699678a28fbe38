// SPDX-License-Identifier: Apache-2.0
#include "builder_service/identity/caller.hh"

#include <algorithm>

namespace unikernel
{

namespace
{

char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool Caller::has_role(std::string_view name) const
{
    return std::any_of(roles.begin(), roles.end(), [&](const std::string& role) {
        return std::equal(role.begin(), role.end(), name.begin(), name.end(),
                          [](char left, char right) { return lower(left) == lower(right); });
    });
}

}  // namespace unikernel
