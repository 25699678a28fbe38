// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policy.hh"

#include <array>
#include <span>
#include <string_view>

/// From the generated constants (config.gen.hh) to the types of policy.hh, at compile time. Templates,
/// because the types belong to the image and not to this module.
namespace u0::http_guard
{

template <typename List>
consteval auto seal_credentials(const List& list)
{
    std::array<Credential, std::tuple_size_v<List>> sealed;
    for (std::size_t i = 0; i < list.size(); ++i) {
        using Kind = decltype(list[i].kind);
        sealed[i] = {list[i].kind == Kind::bearer ? Scheme::bearer : Scheme::basic, list[i].user,
                     list[i].secret};
    }
    return sealed;
}

/// Names that no credential has were refused by the model already (refers_to); here they would accept nobody.
template <typename Resources, typename Credentials>
consteval auto seal_resources(const Resources& list, const Credentials& credentials)
{
    std::array<Resource, std::tuple_size_v<Resources>> sealed;
    for (std::size_t i = 0; i < list.size(); ++i) {
        sealed[i].path =
            list[i].path.ends_with('/') ? list[i].path.substr(0, list[i].path.size() - 1) : list[i].path;
        sealed[i].methods = list[i].methods;
        for (const std::string_view name : list[i].accept)
            for (std::size_t j = 0; j < credentials.size(); ++j)
                sealed[i].accepted |= credentials[j].name == name ? CredentialSet{1} << j : 0;
    }
    return sealed;
}

}  // namespace u0::http_guard
