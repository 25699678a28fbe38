// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "common/util/result.hh"

namespace unikernel
{

/// PBKDF2 rounds of a newly sealed secret. A unikernel verifies credentials on its only processor while
/// others wait, so this is well below what a login service would take; use long random secrets.
inline constexpr std::uint32_t secret_iterations = 10'000;
inline constexpr std::size_t secret_salt_bytes = 16;
inline constexpr std::size_t secret_hash_bytes = 32;

/// Turns {from_env: NAME} or {from_file: PATH} into the plain text. Given by a client, which may read
/// the user's files; the service gives none, and such forms are then refused.
using SecretSource = std::function<Result<std::string>(std::string_view kind, std::string_view name)>;

/// A spec or requirement in which every {plain: "..."} below `modules` is replaced by {salt, hash,
/// iterations} (PBKDF2-HMAC-SHA256, RFC 8018 5.2); what is sealed already stays. The salt is derived
/// from the rest of the document and the secret's place in it, never from the secret: equal documents
/// give equal images, and a salt tells nothing about the plain text. The argument's plain texts are wiped.
/// Errors: invalid, naming the path and never the text.
Result<nlohmann::json> seal_secrets(nlohmann::json document, const SecretSource& source = {});

/// PBKDF2-HMAC-SHA256, 32 bytes, as {"salt": hex, "hash": hex, "iterations": n}.
nlohmann::json seal(std::string_view plain, std::string_view salt, std::uint32_t iterations);

/// Whether it has the sealed form and sane bounds.
bool is_sealed(const nlohmann::json& value);

}  // namespace unikernel
