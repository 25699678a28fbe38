// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/util/result.hh"

namespace unikernel
{

/// A decoded value and how the user's document names it. Every accessor checks the type; what is wrong
/// leaves as BadValue, which only `reading` below catches: inside a decoder it would be noise to pass
/// each of dozens of possible failures up by hand.
class Reader
{
public:
    struct BadValue : std::runtime_error {
        using std::runtime_error::runtime_error;
    };

    Reader(const nlohmann::json& value, std::string path) : value_(&value), path_(std::move(path)) {}

    const nlohmann::json& json() const { return *value_; }
    const std::string& path() const { return path_; }
    [[noreturn]] void refuse(const std::string& what) const { throw BadValue(path_ + ": " + what); }

    /// An object with no other keys than these; a wrong one is answered with the nearest right one.
    void object(const std::vector<std::string>& known_keys) const;
    Reader at(const std::string& key) const;                      ///< must exist
    std::optional<Reader> find(const std::string& key) const;     ///< absent, or null
    std::vector<std::pair<std::string, Reader>> entries() const;  ///< of an object
    std::vector<Reader> items() const;                            ///< of a list
    bool boolean() const;
    std::int64_t integer(std::int64_t minimum, std::int64_t maximum) const;
    /// At most `max_length` bytes, without control characters.
    std::string text(std::size_t max_length = 4096) const;
    std::vector<std::string> texts(std::size_t max_items = 256) const;
    /// A text of which `expression` (ECMAScript, anchored) must hold.
    std::string matching(const std::string& expression, std::size_t max_length = 4096) const;
    /// The index of the text in `words`.
    std::size_t one_of(const std::vector<std::string>& words) const;

private:
    const nlohmann::json* value_;
    std::string path_;
};

/// Runs a decoder and turns BadValue into FailureKind::invalid.
template <typename Decode>
auto reading(Decode&& decode) -> Result<decltype(decode())>
{
    try {
        return decode();
    } catch (const Reader::BadValue& bad) {
        return fail(FailureKind::invalid, bad.what());
    }
}

inline const std::string name_expression = "[a-z0-9][a-z0-9-]{0,62}";
inline const std::string version_expression = "[0-9]+\\.[0-9]+\\.[0-9]+[A-Za-z0-9.+~-]{0,48}";
/// A version, of any repository or of one: "1.2.0@acme".
inline const std::string chosen_expression = version_expression + "(@" + name_expression + ")?";

}  // namespace unikernel
