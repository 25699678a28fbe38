// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "common/util/result.hh"

namespace unikernel
{

/// Bounds of a document from outside; each message names the one that was passed.
struct DocumentLimits {
    std::uint64_t bytes = 1ULL << 20;
    std::uint32_t depth = 32;
    std::uint32_t nodes = 20'000;  ///< values and keys
};

/// One YAML 1.2 document (core schema) as JSON. Anchors, aliases, tags, duplicate keys, keys that are not
/// plain words, and more than one document are refused. `name` begins every message, followed by line and
/// column. Errors: invalid, too_large.
Result<nlohmann::json> decode_yaml(std::string_view text, const std::string& name,
                                   const DocumentLimits& limits = {});

/// RFC 8259 JSON under the same rules. Errors: invalid, too_large.
Result<nlohmann::json> decode_json(std::string_view text, const std::string& name,
                                   const DocumentLimits& limits = {});

/// A file of either kind, by its extension (.json, else YAML); its size is checked before it is read.
/// Errors: not_found, invalid, too_large.
Result<nlohmann::json> decode_file(const std::filesystem::path& path, const DocumentLimits& limits = {});

}  // namespace unikernel
