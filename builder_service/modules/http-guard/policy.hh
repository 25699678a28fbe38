// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "u0/secret.hh"

#include <cstdint>
#include <span>
#include <string_view>

namespace u0::http_guard
{

/// A set of credentials, one bit each in the order of Policy::credentials.
using CredentialSet = std::uint64_t;
inline constexpr std::size_t credentials_limit = 64;

enum class Scheme : std::uint8_t { basic, bearer };

struct Credential {
    Scheme scheme = Scheme::basic;
    std::string_view user;  ///< Basic only
    u0::Secret secret;      ///< of the password or the token
};

/// Who may use what lies at or below a path.
struct Resource {
    std::string_view path;                      ///< normalised, without '/' at its end; empty: everything
    std::span<const std::string_view> methods;  ///< empty: all
    CredentialSet accepted = 0;                 ///< empty: nobody
};

/// The sealed configuration: the paper's two points (section V.A).
struct Policy {
    bool unlisted_allowed = true;  ///< what happens to anonymous or unrecognised requests no rule names
    std::span<const Credential> credentials;
    std::span<const Resource> resources;
};

struct Access {
    bool open = false;           ///< anybody, with any credentials or none
    bool undecidable = false;    ///< the path could mean too many things: to be refused
    CredentialSet accepted = 0;  ///< if not open
};

/// Who may send `method` to the normalised `path`. The rule with the longest path at or above it and with the
/// method decides (methods in any case; GET includes HEAD). Where the path could be read in another way
/// (show_other_views, letters in the other case) as lying below a rule's path, that rule has to agree too.
/// What no rule names is open, or, with unlisted_allowed false, accepts every known credential.
Access decide(const Policy& policy, std::string_view method, std::string_view path);

}  // namespace u0::http_guard
