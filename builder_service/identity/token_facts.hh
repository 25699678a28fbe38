// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder_service/identity/access_rules.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// What Keystone says of a token (Identity API v3, "Validate and show information for token").
struct TokenFacts {
    std::string user_id;
    std::string project_id;  ///< empty: not scoped to a project
    std::string domain_id;   ///< the project's
    std::string scope;       ///< for people: "a project", "a domain", "the system", "nothing"
    std::vector<std::string> roles;
    std::chrono::system_clock::time_point expires;
    std::optional<std::vector<AccessRule>> access_rules;  ///< of its application credential, if restricted
    std::vector<std::string> services;                    ///< types in its catalogue
};

/// Errors: invalid (not such an answer).
Result<TokenFacts> decode_token(const nlohmann::json& answer);

}  // namespace unikernel
