// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/decode/document.hh"

namespace unikernel
{

/// Builds a JSON value from the events of a parser, under DocumentLimits. Each call returns the empty
/// string, or what is wrong; nothing may be called after that.
class TreeBuilder
{
public:
    explicit TreeBuilder(const DocumentLimits& limits) : limits_(limits) {}

    std::string begin(nlohmann::json container);  ///< json::object() or json::array()
    std::string end();
    std::string key(std::string name);
    std::string value(nlohmann::json scalar);
    /// Inside an object, before a key: what comes next is a key.
    bool expects_key() const { return !open_.empty() && open_.back()->is_object() && !has_key_; }
    nlohmann::json take() { return std::move(root_); }

private:
    std::string count();
    nlohmann::json* place(nlohmann::json value);

    DocumentLimits limits_;
    nlohmann::json root_;
    std::vector<nlohmann::json*> open_;  // pointers stay valid: only the innermost container grows
    std::string key_;
    bool has_key_ = false;
    std::uint32_t nodes_ = 0;
};

/// True if the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

}  // namespace unikernel
