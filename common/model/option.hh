// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/util/result.hh"

namespace unikernel
{

/// One configuration option c of C(m), or a part of one: its type, bounds and default
/// (doc: modules.rst, "Option types").
struct Option {
    enum class Type { boolean, integer, enumeration, string, secret, list, record };
    /// Which of two values is the stricter one, where there is such an order: the smaller or the larger
    /// number, the earlier or the later of an enumeration's values, true or false, all items of two lists or
    /// the common ones.
    enum class Stricter { undefined, minimum, maximum, is_true, is_false, all_items, common_items };

    Type type = Type::boolean;
    std::string help;
    std::string unit;                       ///< for people
    std::optional<nlohmann::json> initial;  ///< `default`; absent: a value must be given
    std::optional<std::int64_t> minimum, maximum;
    std::vector<std::string> values;       ///< of an enumeration
    std::string pattern;                   ///< of a string; empty: any
    std::uint64_t max_length = 1024;       ///< of a string, bytes
    std::uint64_t max_items = 64;          ///< of a list
    std::vector<Option> of;                ///< of a list: exactly one, the items' type
    std::map<std::string, Option> fields;  ///< of a record
    std::string unique;                    ///< of a list of records: this field differs in all items
    std::string refers_to;                 ///< of a string: "<option>.<field>" of the same module
    Stricter stricter = Stricter::undefined;
    bool delegated = false;  ///< whoever requires the module and leaves this out leaves it to others

    friend bool operator==(const Option&, const Option&) = default;
};

std::string_view to_string(Option::Type type);

/// The value with the defaults of absent record fields filled in, or what is wrong with it; `path` is
/// how the user's document names it ("requirements.staff-only.modules.http-guard.resources[0].path").
/// Errors: invalid. Secrets are only accepted sealed, and are never part of a message.
Result<nlohmann::json> check_value(const Option& option, const nlohmann::json& value,
                                   const std::string& path);

/// Follows `refers_to` through one module's complete configuration. Errors: invalid, naming the path
/// below `path` and the names that exist.
Result<void> check_references(const std::map<std::string, Option>& options,
                              const std::map<std::string, nlohmann::json>& values, const std::string& path);

/// The stricter of two checked values, whichever comes first; nothing if the option has no order of
/// strictness and they differ, or if no value is as strict as both (two lists with no item in common).
std::optional<nlohmann::json> stricter_of(const Option& option, const nlohmann::json& a,
                                          const nlohmann::json& b);

/// The value with each secret replaced by {"sealed":true}: what an image's note and a message may say.
nlohmann::json redact(const Option& option, const nlohmann::json& value);

}  // namespace unikernel
