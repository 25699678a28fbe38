// SPDX-License-Identifier: Apache-2.0
#include "common/model/option.hh"

#include <algorithm>
#include <set>

#include "common/model/secret.hh"
#include "common/util/pattern.hh"

namespace unikernel
{

namespace
{

using nlohmann::json;

tl::unexpected<Failure> wrong(const std::string& path, const std::string& what)
{
    return fail(FailureKind::invalid, path + ": " + what);
}

std::string list_of(const std::vector<std::string>& names)
{
    std::string text;
    for (const std::string& name : names) {
        text += (text.empty() ? "" : ", ") + name;
    }
    return text.empty() ? "none" : text;
}

std::string quoted(const std::string& text)
{
    return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string kind_of(const json& value)
{
    if (value.is_object()) {
        return "an object";
    }
    if (value.is_array()) {
        return "a list";
    }
    if (value.is_string()) {
        return "a string";
    }
    if (value.is_null()) {
        return "empty";
    }
    return value.is_boolean() ? "a boolean" : "a number";
}

Result<json> check_integer(const Option& option, const json& value, const std::string& path)
{
    if (!value.is_number_integer()) {
        return wrong(path,
                     "must be an integer, and is " + (value.is_number() ? value.dump() : kind_of(value)));
    }
    const std::string unit = option.unit.empty() ? "" : " " + option.unit;
    const bool huge =
        value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
    const auto number = huge ? INT64_MAX : value.get<std::int64_t>();
    if (huge || (option.maximum && number > *option.maximum)) {
        return wrong(path, value.dump() + " is over the maximum " +
                               std::to_string(option.maximum.value_or(INT64_MAX)) + unit);
    }
    if (option.minimum && number < *option.minimum) {
        return wrong(path, value.dump() + " is under the minimum " + std::to_string(*option.minimum) + unit);
    }
    return json(number);
}

Result<json> check_string(const Option& option, const json& value, const std::string& path)
{
    if (!value.is_string()) {
        return wrong(path, "must be a string, and is " + kind_of(value) +
                               (value.is_primitive() && !value.is_null() ? "; put it in quotes" : ""));
    }
    const auto& text = value.get_ref<const std::string&>();
    // The length first: the regular expression's cost and stack use grow with it.
    if (text.size() > option.max_length) {
        return wrong(path, std::to_string(text.size()) + " bytes are over the maximum length " +
                               std::to_string(option.max_length));
    }
    if (text.find('\0') != std::string::npos) {
        return wrong(path, "contains a NUL character");
    }
    if (!option.pattern.empty() && !matches(text, option.pattern)) {
        return wrong(path, quoted(text) + " does not match " + option.pattern);
    }
    return value;
}

Result<json> check_list(const Option& option, const json& value, const std::string& path)
{
    if (!value.is_array()) {
        return wrong(path, "must be a list, and is " + kind_of(value));
    }
    if (value.size() > option.max_items) {
        return wrong(path, std::to_string(value.size()) + " items are over the maximum " +
                               std::to_string(option.max_items));
    }
    json checked = json::array();
    std::set<json> seen;
    for (std::size_t i = 0; i < value.size(); ++i) {
        const std::string here = path + "[" + std::to_string(i) + "]";
        Result<json> item = check_value(option.of.front(), value[i], here);
        if (!item) {
            return item;
        }
        if (!option.unique.empty() && !seen.insert((*item)[option.unique]).second) {
            return wrong(here + "." + option.unique,
                         (*item)[option.unique].dump() + " is there already; each item needs its own");
        }
        checked.push_back(std::move(*item));
    }
    return checked;
}

Result<json> check_record(const Option& option, const json& value, const std::string& path)
{
    if (!value.is_object()) {
        return wrong(path, "must be an object, and is " + kind_of(value));
    }
    std::vector<std::string> names;
    for (const auto& [name, field] : option.fields) {
        names.push_back(name);
    }
    for (const auto& [name, unused] : value.items()) {
        if (!option.fields.contains(name)) {
            return wrong(path + "." + name, "no such field; there are " + list_of(names));
        }
    }
    json checked = json::object();
    for (const auto& [name, field] : option.fields) {
        const auto given = value.find(name);
        if (given == value.end() && !field.initial) {
            return wrong(path + "." + name, "must be given; it has no default");
        }
        Result<json> part =
            check_value(field, given == value.end() ? *field.initial : *given, path + "." + name);
        if (!part) {
            return part;
        }
        checked[name] = std::move(*part);
    }
    return checked;
}

Result<json> check_secret(const json& value, const std::string& path)
{
    if (value.is_object() && value.contains("plain")) {
        return wrong(path, "a plain text got here unsealed");  // whoever decodes seals first
    }
    if (!is_sealed(value)) {
        return wrong(path,
                     R"(must be {plain: "..."}, or sealed as {salt: <32 hex digits>, hash: <64 hex digits>, )"
                     "iterations: <1000..10000000>}");
    }
    return value;
}

/// All strings of `value` whose type has a `refers_to`, with their paths.
void collect_references(const Option& option, const json& value, const std::string& path,
                        std::vector<std::pair<const Option*, std::pair<std::string, const json*>>>& found)
{
    if (option.type == Option::Type::list) {
        for (std::size_t i = 0; i < value.size(); ++i) {
            collect_references(option.of.front(), value[i], path + "[" + std::to_string(i) + "]", found);
        }
    } else if (option.type == Option::Type::record) {
        for (const auto& [name, field] : option.fields) {
            collect_references(field, value.at(name), path + "." + name, found);
        }
    } else if (!option.refers_to.empty()) {
        found.push_back({&option, {path, &value}});
    }
}

}  // namespace

std::string_view to_string(Option::Type type)
{
    static constexpr std::string_view names[] = {"bool", "int", "enum", "string", "secret", "list", "record"};
    return names[static_cast<std::size_t>(type)];
}

Result<json> check_value(const Option& option, const json& value, const std::string& path)
{
    switch (option.type) {
    case Option::Type::boolean:
        if (!value.is_boolean()) {
            return wrong(path, "must be true or false, and is " + kind_of(value));
        }
        return value;
    case Option::Type::integer:
        return check_integer(option, value, path);
    case Option::Type::enumeration:
        if (!value.is_string() || std::find(option.values.begin(), option.values.end(),
                                            value.get<std::string>()) == option.values.end()) {
            return wrong(path, (value.is_string() ? quoted(value.get<std::string>()) : kind_of(value)) +
                                   " is none of " + list_of(option.values));
        }
        return value;
    case Option::Type::string:
        return check_string(option, value, path);
    case Option::Type::secret:
        return check_secret(value, path);
    case Option::Type::list:
        return check_list(option, value, path);
    case Option::Type::record:
        return check_record(option, value, path);
    }
    return fail(FailureKind::internal, path + ": option of unknown type");
}

Result<void> check_references(const std::map<std::string, Option>& options,
                              const std::map<std::string, json>& values, const std::string& path)
{
    std::vector<std::pair<const Option*, std::pair<std::string, const json*>>> references;
    for (const auto& [name, option] : options) {
        collect_references(option, values.at(name), path + "." + name, references);
    }
    for (const auto& [option, found] : references) {
        const std::size_t dot = option->refers_to.find('.');
        const std::string target = option->refers_to.substr(0, dot);
        const std::string field = option->refers_to.substr(dot + 1);
        std::vector<std::string> names;
        for (const json& item : values.at(target)) {
            names.push_back(item.at(field).get<std::string>());
        }
        if (std::find(names.begin(), names.end(), found.second->get<std::string>()) == names.end()) {
            return wrong(found.first, quoted(found.second->get<std::string>()) + " is no " + field + " in " +
                                          path + "." + target + "; there are " + list_of(names));
        }
    }
    return {};
}

std::optional<json> stricter_of(const Option& option, const json& a, const json& b)
{
    if (a == b) {
        return a;
    }
    const auto rank = [&](const json& value) {
        return option.type != Option::Type::enumeration
                   ? value
                   : json(std::find(option.values.begin(), option.values.end(), value.get<std::string>()) -
                          option.values.begin());
    };
    const auto sorted_items = [](const json& list) { return std::set<json>(list.begin(), list.end()); };
    switch (option.stricter) {
    case Option::Stricter::undefined:
        return std::nullopt;
    case Option::Stricter::minimum:
        return rank(a) < rank(b) ? a : b;
    case Option::Stricter::maximum:
        return rank(a) < rank(b) ? b : a;
    case Option::Stricter::is_true:
        return json(true);  // they differ, so one of them is
    case Option::Stricter::is_false:
        return json(false);
    case Option::Stricter::all_items: {
        std::set<json> items = sorted_items(a);
        items.merge(sorted_items(b));
        return json(items);
    }
    case Option::Stricter::common_items: {
        const std::set<json> left = sorted_items(a);
        const std::set<json> right = sorted_items(b);
        json items = json::array();
        std::set_intersection(left.begin(), left.end(), right.begin(), right.end(),
                              std::back_inserter(items));
        return items.empty() ? std::nullopt : std::optional(items);
    }
    }
    return std::nullopt;
}

json redact(const Option& option, const json& value)
{
    if (option.type == Option::Type::secret) {
        return {{"sealed", true}};
    }
    if (option.type == Option::Type::list && value.is_array()) {
        json list = json::array();
        for (const json& item : value) {
            list.push_back(redact(option.of.front(), item));
        }
        return list;
    }
    if (option.type == Option::Type::record && value.is_object()) {
        json record = json::object();
        for (const auto& [name, field] : option.fields) {
            if (value.contains(name)) {
                record[name] = redact(field, value[name]);
            }
        }
        return record;
    }
    return value;
}

}  // namespace unikernel
