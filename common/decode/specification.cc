// SPDX-License-Identifier: Apache-2.0
#include "common/decode/specification.hh"

#include "common/decode/reader.hh"
#include "common/decode/rollout.hh"
#include "common/model/generation.hh"
#include "common/util/pattern.hh"
#include "common/util/time.hh"

namespace unikernel
{

namespace
{

const std::string label_expression = "[A-Za-z0-9_.-]{1,63}";

/// A relative path that stays below the bundle's root, in its only spelling, and that a compiler's driver
/// takes for a path: not for an option ("-x"), nor for a file of options ("@x").
std::string bundle_path(const Reader& reader)
{
    std::string path = reader.matching("[A-Za-z0-9_.+@/-]{1,255}");
    for (std::size_t begin = 0; begin <= path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::string part = path.substr(begin, end - begin);
        if (part.empty() || part == ".." || part == "." || part.front() == '-' || part.front() == '@') {
            reader.refuse("\"" + path + "\" is not a plain path below the bundle's root");
        }
        begin = end + 1;
    }
    return path;
}

std::vector<std::string> bundle_paths(const Reader& reader)
{
    std::vector<std::string> list;
    for (const Reader& item : reader.items()) {
        list.push_back(bundle_path(item));
    }
    return list;
}

std::map<std::string, std::string> labels(const Reader& reader)
{
    std::map<std::string, std::string> map;
    for (const auto& [key, value] : reader.entries()) {
        if (!matches(key, label_expression)) {
            value.refuse("a label's name matches " + label_expression);
        }
        map[key] = value.matching(label_expression);
    }
    if (map.size() > 64) {
        reader.refuse(std::to_string(map.size()) + " labels are over the maximum 64");
    }
    return map;
}

WantedModules modules(const Reader& reader, const std::string& source)
{
    WantedModules wanted;
    for (const auto& [name, options] : reader.entries()) {
        const Result<Dependency> module = parse_dependency(name);
        if (!module) {
            options.refuse(module.error().message);
        }
        Insert(wanted, *module, source);
        if (options.json().is_null()) {  // "dhcp:" alone asks for the module with its defaults
            continue;
        }
        for (const auto& [option, value] : options.entries()) {
            Insert(wanted, module->name, {option, value.json()}, source);
        }
    }
    return wanted;
}

Application application(const Reader& reader)
{
    reader.object({"sources", "language", "include", "definitions", "optimize", "arguments", "memory_mib"});
    static const std::vector<std::string> languages{"c++11", "c++14", "c++17", "c++20",
                                                    "c++23", "c99",   "c11",   "c17"};
    Application result;
    result.sources = bundle_paths(reader.at("sources"));
    if (result.sources.empty()) {
        reader.at("sources").refuse("needs at least one source file");
    }
    if (const auto value = reader.find("language")) {
        result.language = languages[value->one_of(languages)];
    }
    if (const auto value = reader.find("include")) {
        result.include = bundle_paths(*value);
    }
    if (const auto value = reader.find("definitions")) {
        for (const Reader& item : value->items()) {
            result.definitions.push_back(item.matching("[A-Za-z_][A-Za-z0-9_]*(=[^\\n]*)?", 1024));
        }
    }
    if (const auto value = reader.find("optimize")) {
        result.optimize = static_cast<unsigned>(value->integer(0, 3));
    }
    if (const auto value = reader.find("memory_mib")) {
        result.memory_mib = static_cast<std::uint64_t>(value->integer(1, 65'536));
    }
    if (const auto value = reader.find("arguments")) {
        result.arguments = value->texts();
    }
    for (const std::string& source : result.sources) {
        if (!matches(source, R"(.*\.(c|cc|cpp|cxx))")) {
            reader.at("sources").refuse("\"" + source + "\" is not a C or C++ source (.c, .cc, .cpp, .cxx)");
        }
    }
    return result;
}

Selector selector(const Reader& reader)
{
    reader.object({"everything", "labels", "images"});
    if (reader.json().size() != 1) {
        reader.refuse("must be exactly one of {everything: true}, {labels: {...}}, {images: [...]}");
    }
    Selector result;
    if (const auto value = reader.find("everything")) {
        result.everything = value->boolean();
        if (!result.everything) {
            value->refuse("can only be true");
        }
    }
    if (const auto value = reader.find("labels")) {
        result.labels = labels(*value);
    }
    if (const auto value = reader.find("images")) {
        for (const Reader& item : value->items()) {
            result.images.insert(item.matching(name_expression));
        }
    }
    if (!result.everything && result.labels.empty() && result.images.empty()) {
        reader.refuse("selects nothing");
    }
    return result;
}

void read_times(const Reader& reader, SecurityRequirement& requirement)
{
    if (const auto value = reader.find("valid_from")) {
        const auto time = parse_rfc3339(value->text(64));
        if (!time) {
            value->refuse(time.error().message);
        }
        requirement.valid_from = *time;
    }
    if (const auto value = reader.find("validity")) {
        requirement.validity = read_duration(*value, std::chrono::seconds(60), std::chrono::days(3650));
    }
}

}  // namespace

Result<ImageSpec> decode_spec(const nlohmann::json& document)
{
    return reading([&] {
        const Reader reader(document, "spec");
        reader.object({"name", "platform", "application", "modules", "labels", "lock"});
        ImageSpec spec;
        spec.name = reader.at("name").matching(name_expression);
        if (const auto value = reader.find("platform")) {
            spec.platform = value->matching(name_expression);
        }
        if (const auto value = reader.find("application")) {
            spec.application = application(*value);
        }
        if (const auto value = reader.find("modules")) {
            spec.modules = modules(*value, "spec");
        }
        if (const auto value = reader.find("labels")) {
            spec.labels = labels(*value);
        }
        if (const auto value = reader.find("lock")) {
            for (const auto& [name, version] : value->entries()) {
                spec.lock[name] = version.matching(chosen_expression);
            }
        }
        return spec;
    });
}

Result<SecurityRequirement> decode_requirement(const nlohmann::json& document, std::size_t index)
{
    return reading([&] {
        const Reader unnamed(document, "requirements[" + std::to_string(index) + "]");
        unnamed.object({"name", "description", "applies_to", "modules", "valid_from", "validity", "rollout"});
        SecurityRequirement requirement;
        requirement.name = unnamed.at("name").matching(name_expression);
        const std::string source = "requirements." + requirement.name;
        const Reader reader(document, source);
        if (const auto value = reader.find("description")) {
            requirement.description = value->text();
        }
        requirement.applies_to = selector(reader.at("applies_to"));
        read_times(reader, requirement);
        if (const auto value = reader.find("rollout")) {
            requirement.rollout = read_rollout(*value);
        }
        const auto wanted = reader.find("modules");
        if (wanted) {
            requirement.modules = modules(*wanted, source);
        }
        if (requirement.modules.empty() && !requirement.validity && !requirement.rollout) {
            reader.at("modules").refuse(
                "a requirement without a module, validity or rollout requires nothing");
        }
        return requirement;
    });
}

}  // namespace unikernel
