// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policy.hh"

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <vector>

/// Credentials sealed by OpenSSL, as the builder seals them, with few iterations.
inline u0::Secret seal(const std::string& plain)
{
    u0::Secret secret;
    secret.salt[0] = static_cast<std::uint8_t>(plain.size());
    secret.iterations = 20;
    PKCS5_PBKDF2_HMAC(plain.data(), static_cast<int>(plain.size()), secret.salt.data(),
                      static_cast<int>(secret.salt.size()), static_cast<int>(secret.iterations), EVP_sha256(),
                      static_cast<int>(secret.hash.size()), secret.hash.data());
    return secret;
}

inline u0::http_guard::Credential basic(const std::string& user, const std::string& password)
{
    static std::vector<std::unique_ptr<std::string>> kept;  // the view has to live on
    kept.push_back(std::make_unique<std::string>(user));
    return {u0::http_guard::Scheme::basic, *kept.back(), seal(password)};
}

inline u0::http_guard::Credential bearer(const std::string& token)
{
    return {u0::http_guard::Scheme::bearer, {}, seal(token)};
}

/// The value of an Authorization field.
inline std::string basic_header(const std::string& user, const std::string& password)
{
    const std::string plain = user + ":" + password;
    std::string encoded((plain.size() + 2) / 3 * 4 + 1, '\0');
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                        reinterpret_cast<const unsigned char*>(plain.data()), static_cast<int>(plain.size()));
    encoded.resize(static_cast<std::size_t>(size));
    return "Basic " + encoded;
}
