// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "builder_service/platforms/u0/generate.hh"
#include "builder_service/platforms/u0/module_record.hh"
#include "common/model/image.hh"
#include "common/util/hex.hh"

namespace unikernel::u0
{

namespace
{

using nlohmann::json;

std::string byte_list(const std::string& hex)
{
    std::string text;
    for (const std::uint8_t byte : from_hex(hex).value_or(std::vector<std::uint8_t>{})) {
        text += (text.empty() ? "" : ", ") + std::to_string(byte);
    }
    return text;
}

/// Writes one option: the types it needs, the arrays behind nested lists, and its constant.
class OptionWriter
{
public:
    std::string write(const std::string& name, const Option& option, const json& value)
    {
        const std::string id = identifier(name);
        const bool list = option.type == Option::Type::list;
        // Types first: an array's element type must be complete.
        const std::string type = this->type(list ? option.of.front() : option, id);
        std::string constant;
        if (list) {
            constant = "inline constexpr std::array<" + type + ", " + std::to_string(value.size()) + "> " +
                       id + braces(items(option.of.front(), value, id)) + ";\n";
        } else {
            constant = "inline constexpr " + type + " " + id + " = " + this->value(option, value, id) + ";\n";
        }
        return types_ + arrays_ + constant;
    }

private:
    static std::string joined(const std::vector<std::string>& parts)
    {
        std::string text;
        for (const std::string& part : parts) {
            text += (text.empty() ? "" : ", ") + part;
        }
        return text;
    }

    static std::string braces(const std::vector<std::string>& items)
    {
        return items.empty() ? "{}" : "{{" + joined(items) + "}}";
    }

    /// The C++ type of an option; declares enumerations and structures on the way, once each.
    std::string type(const Option& option, const std::string& path)
    {
        switch (option.type) {
        case Option::Type::boolean:
            return "bool";
        case Option::Type::integer:
            return "long long";
        case Option::Type::string:
            return "std::string_view";
        case Option::Type::secret:
            return "::u0::Secret";
        case Option::Type::list:
            return "std::span<const " + type(option.of.front(), path) + ">";
        case Option::Type::enumeration: {
            std::vector<std::string> names;
            for (const std::string& name : option.values) {
                names.push_back(identifier(name));
            }
            types_ += "enum class T_" + path + " { " + joined(names) + " };\n";
            return "T_" + path;
        }
        case Option::Type::record: {
            std::string members;
            for (const auto& [name, field] : option.fields) {
                members +=
                    "    " + type(field, path + "_" + identifier(name)) + " " + identifier(name) + ";\n";
            }
            types_ += "struct T_" + path + " {\n" + members + "};\n";
            return "T_" + path;
        }
        }
        return "void";
    }

    /// The same without declaring anything.
    static std::string type_name(const Option& option, const std::string& path)
    {
        if (option.type == Option::Type::list) {
            return "std::span<const " + type_name(option.of.front(), path) + ">";
        }
        return OptionWriter().type(option, path);
    }

    std::vector<std::string> items(const Option& of, const json& list, const std::string& path)
    {
        std::vector<std::string> texts;
        for (const json& item : list) {
            texts.push_back(value(of, item, path));
        }
        return texts;
    }

    std::string value(const Option& option, const json& value, const std::string& path)
    {
        switch (option.type) {
        case Option::Type::boolean:
            return value.get<bool>() ? "true" : "false";
        case Option::Type::integer:
            return integer(value.get<std::int64_t>());
        case Option::Type::string: {
            const auto& text = value.get_ref<const std::string&>();
            return "std::string_view(" + literal(text) + ", " + std::to_string(text.size()) + ")";
        }
        case Option::Type::enumeration:
            return "T_" + path + "::" + identifier(value.get<std::string>());
        case Option::Type::secret:
            return "::u0::Secret{.salt = {{" + byte_list(value.at("salt").get<std::string>()) +
                   "}}, .hash = {{" + byte_list(value.at("hash").get<std::string>()) +
                   "}}, .iterations = " + value.at("iterations").dump() + "}";
        case Option::Type::record: {
            std::vector<std::string> members;
            for (const auto& [name, field] : option.fields) {
                members.push_back(this->value(field, value.at(name), path + "_" + identifier(name)));
            }
            return "T_" + path + "{" + joined(members) + "}";
        }
        case Option::Type::list:
            return nested_list(option, value, path);
        }
        return "{}";
    }

    /// A list inside something: an array of its own, since its length differs from place to place.
    std::string nested_list(const Option& option, const json& list, const std::string& path)
    {
        if (list.empty()) {
            return "{}";
        }
        const std::vector<std::string> texts = items(option.of.front(), list, path);
        std::string name = path + "_items_" + std::to_string(count_++);
        arrays_ += "inline constexpr std::array<" + type_name(option.of.front(), path) + ", " +
                   std::to_string(list.size()) + "> " + name + braces(texts) + ";\n";
        return name;
    }

    static std::string integer(std::int64_t number)
    {
        // -9223372036854775808LL is a negated, too large literal.
        return number == INT64_MIN ? "(-9223372036854775807LL - 1)" : std::to_string(number) + "LL";
    }

    std::string types_, arrays_;
    std::size_t count_ = 0;
};

}  // namespace

std::string config_header(const Module& module, const std::map<std::string, json>& values)
{
    std::string text =
        "// Generated for one image; do not edit.\n#pragma once\n"
        "#include <array>\n#include <span>\n#include <string_view>\n#include \"u0/secret.hh\"\n";
    text += configuration_record(module, configuration_digest(values));
    text += "namespace u0::cfg::" + identifier(module.name) + " {\n";
    for (const auto& [name, option] : module.options) {
        text += OptionWriter().write(name, option, values.at(name));
    }
    return text + "}\n";
}

}  // namespace unikernel::u0
