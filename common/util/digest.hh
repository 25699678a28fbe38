// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/util/result.hh"

struct evp_md_ctx_st;

namespace unikernel
{

using Digest = std::array<std::uint8_t, 32>;

/// Streaming SHA-256 (FIPS 180-4) by OpenSSL's EVP. Not thread-safe; one object, one message.
class Sha256
{
public:
    Sha256();
    Sha256& update(std::span<const std::uint8_t> bytes);
    Sha256& update(std::string_view text);
    /// A length-prefixed field: two different lists of fields never feed the same bytes.
    Sha256& field(std::string_view text);
    /// Ends the message. Call once.
    Digest finish();

private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const noexcept;
    };
    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

Digest sha256(std::string_view text);

/// Reads the file in blocks. Errors: not_found, internal.
Result<Digest> sha256_file(const std::filesystem::path& path);

/// One digest of a folder: relative paths and contents of all regular files below it, in byte
/// order of the paths. Links and other kinds are an error. Errors: not_found, invalid.
Result<Digest> sha256_folder(const std::filesystem::path& folder);

/// "sha256:<64 hex digits>", the form used in every document and message.
std::string to_string(const Digest& digest);

}  // namespace unikernel
