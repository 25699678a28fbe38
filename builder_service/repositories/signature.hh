// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "common/util/result.hh"

/// Ed25519 (RFC 8032) by OpenSSL over whole files: what `openssl pkeyutl -sign -rawin` and `-verify -rawin`
/// make and check.
namespace unikernel
{

inline constexpr std::size_t signature_bytes = 64;

/// With a private key in PEM form, not encrypted. Errors: not_found, invalid (no such key).
Result<std::string> sign(const std::filesystem::path& key, std::string_view message);

/// With a public key in PEM form. Errors: not_found, invalid (no such key; the signature is not the
/// message's).
Result<void> check_signature(const std::filesystem::path& key, std::string_view message,
                             std::string_view signature);

}  // namespace unikernel
