// SPDX-License-Identifier: Apache-2.0
#include "common/decode/module.hh"

#include <algorithm>
#include <system_error>

#include "common/decode/document.hh"
#include "common/decode/reader.hh"
#include "common/util/digest.hh"
#include "common/util/file.hh"
#include "common/util/pattern.hh"

namespace unikernel
{

namespace
{

constexpr std::uint64_t matched_bytes = 4096;  ///< of a text that has a pattern: matching takes time

const std::string identifier = "[A-Za-z_][A-Za-z0-9_]*";
const std::string qualified = "[A-Za-z_][A-Za-z0-9_]*(::[A-Za-z_][A-Za-z0-9_]*)+";

std::set<std::string> names(const Reader& reader)
{
    std::set<std::string> set;
    for (const Reader& item : reader.items()) {
        set.insert(item.matching(name_expression));
    }
    return set;
}

std::set<Dependency> dependencies(const Reader& reader)
{
    std::set<Dependency> set;
    for (const Reader& item : reader.items()) {
        Result<Dependency> dependency = parse_dependency(item.text());
        if (!dependency) {
            item.refuse(dependency.error().message);
        }
        set.insert(std::move(*dependency));
    }
    return set;
}

/// "network-device", or "tls = 1.3" for one that has a version of its own.
std::map<std::string, std::string> virtual_names(const Reader& reader)
{
    std::map<std::string, std::string> map;
    for (const Reader& item : reader.items()) {
        const Result<Dependency> name = parse_dependency(item.text());
        const bool exact =
            name && name->bounds.size() == 1 && name->bounds[0].relation == VersionBound::Relation::equal;
        if (!name || (!name->bounds.empty() && !exact)) {
            item.refuse("\"" + item.text() +
                        "\" is neither a name nor a name with its version such as \"tls = 1.3\"");
        }
        map[name->name] = exact ? name->bounds[0].version : "";
    }
    return map;
}

std::vector<std::string> paths(const Reader& reader)
{
    std::vector<std::string> list;
    for (const Reader& item : reader.items()) {
        list.push_back(item.matching("[A-Za-z0-9_+][A-Za-z0-9_.+-]*(/[A-Za-z0-9_+][A-Za-z0-9_.+-]*)*|\\."));
    }
    return list;
}

Option option(const Reader& reader, bool named);

void bounds(const Reader& reader, Option& result)
{
    if (const auto value = reader.find("minimum")) {
        result.minimum = value->integer(INT64_MIN, INT64_MAX);
    }
    if (const auto value = reader.find("maximum")) {
        result.maximum = value->integer(INT64_MIN, INT64_MAX);
    }
    if (const auto value = reader.find("max_length")) {
        result.max_length = static_cast<std::uint64_t>(value->integer(1, 65'536));
    }
    if (const auto value = reader.find("max_items")) {
        result.max_items = static_cast<std::uint64_t>(value->integer(1, 4096));
    }
    if (const auto value = reader.find("values")) {
        result.values = value->texts();
        for (const std::string& word : result.values) {
            if (!matches(word, "[A-Za-z_][A-Za-z0-9_-]*")) {
                value->refuse("\"" + word + "\" cannot become a C++ enumerator");
            }
        }
    }
    if (const auto value = reader.find("pattern")) {
        result.pattern = value->text();
        if (const auto wrong = wrong_with_pattern(result.pattern)) {
            value->refuse("no ECMAScript regular expression: " + *wrong);
        }
        if (result.max_length > matched_bytes) {
            reader.find("max_length")
                ->refuse(std::to_string(result.max_length) + " is over " + std::to_string(matched_bytes) +
                         ", the most beside a pattern");
        }
    }
}

Option::Stricter stricter(const Reader& reader, Option::Type type)
{
    using Type = Option::Type;
    static const std::vector<std::string> words{"min", "max", "true", "false", "union", "intersection"};
    static const std::map<Type, std::vector<std::string>> possible{{Type::integer, {"min", "max"}},
                                                                   {Type::enumeration, {"min", "max"}},
                                                                   {Type::boolean, {"true", "false"}},
                                                                   {Type::list, {"union", "intersection"}}};
    if (reader.json().is_boolean()) {  // YAML's `stricter: true`
        if (type != Type::boolean) {
            reader.refuse("true and false are for options of type bool");
        }
        return reader.boolean() ? Option::Stricter::is_true : Option::Stricter::is_false;
    }
    const std::size_t word = reader.one_of(words);
    const auto fitting = possible.find(type);
    if (fitting == possible.end() ||
        std::find(fitting->second.begin(), fitting->second.end(), words[word]) == fitting->second.end()) {
        reader.refuse("options of type " + std::string(to_string(type)) + " have no " + words[word]);
    }
    return static_cast<Option::Stricter>(word + 1);
}

void parts(const Reader& reader, Option& result)
{
    if (result.type == Option::Type::list) {
        result.of.push_back(option(reader.at("of"), false));
        if (const auto value = reader.find("unique")) {
            result.unique = value->text();
            if (!result.of.front().fields.contains(result.unique)) {
                value->refuse("the items have no field " + result.unique);
            }
        }
    } else if (result.type == Option::Type::record) {
        for (const auto& [name, field] : reader.at("fields").entries()) {
            // {plain: ...} would be taken for a secret.
            if (!matches(name, identifier) || name == "plain" || name.starts_with("from_")) {
                field.refuse("not usable as a field's name");
            }
            result.fields[name] = option(field, true);
            if (result.fields[name].stricter != Option::Stricter::undefined) {
                field.at("stricter").refuse("only an option as a whole has an order, not a part of it");
            }
        }
    } else if (result.type == Option::Type::enumeration && result.values.empty()) {
        reader.at("values").refuse("needs at least one value");
    }
}

Option option(const Reader& reader, bool named)
{
    static const std::vector<std::string> types{"bool", "int", "enum", "string", "secret", "list", "record"};
    static const std::map<std::string, std::vector<std::string>> keys_of{
        {"bool", {}},          {"int", {"minimum", "maximum", "unit"}},
        {"enum", {"values"}},  {"string", {"pattern", "max_length", "refers_to"}},
        {"secret", {}},        {"list", {"of", "max_items", "unique"}},
        {"record", {"fields"}}};
    if (!reader.json().is_object()) {
        reader.refuse("must be an object with a type");
    }
    Option result;
    const std::size_t type = reader.at("type").one_of(types);
    result.type = static_cast<Option::Type>(type);
    std::vector<std::string> known = keys_of.at(types[type]);
    known.insert(known.end(), {"type", "help"});
    if (named) {
        known.insert(known.end(), {"default", "stricter", "delegated"});
    }
    reader.object(known);
    if (const auto value = reader.find("help")) {
        result.help = value->text();
    }
    if (const auto value = reader.find("unit")) {
        result.unit = value->text(64);
    }
    if (const auto value = reader.find("refers_to")) {
        result.refers_to = value->matching(identifier + "\\." + identifier);
    }
    if (const auto value = reader.find("stricter")) {
        result.stricter = stricter(*value, result.type);
    }
    if (const auto value = reader.find("delegated")) {
        result.delegated = value->boolean();
    }
    bounds(reader, result);
    parts(reader, result);
    if (reader.json().contains("default")) {
        const Result<nlohmann::json> checked =
            check_value(result, reader.json()["default"], reader.path() + ".default");
        if (!checked) {
            throw Reader::BadValue(checked.error().message);
        }
        result.initial = *checked;
    }
    return result;
}

void check_refers_to(const Reader& reader, const std::map<std::string, Option>& options, const Option& option)
{
    for (const Option& item : option.of) {
        check_refers_to(reader, options, item);
    }
    for (const auto& [name, field] : option.fields) {
        check_refers_to(reader, options, field);
    }
    if (option.refers_to.empty()) {
        return;
    }
    const std::size_t dot = option.refers_to.find('.');
    const auto target = options.find(option.refers_to.substr(0, dot));
    if (target == options.end() || target->second.type != Option::Type::list ||
        !target->second.of.front().fields.contains(option.refers_to.substr(dot + 1))) {
        reader.refuse("refers_to " + option.refers_to + " names no field of a list of records");
    }
}

std::vector<ThirdParty> third_party(const Reader& reader)
{
    std::vector<ThirdParty> list;
    for (const Reader& item : reader.items()) {
        item.object({"source", "sources", "include", "defines"});
        ThirdParty entry;
        entry.source = item.at("source").matching(name_expression);
        entry.sources = paths(item.at("sources"));
        if (const auto value = item.find("include")) {
            entry.include = paths(*value);
        }
        if (const auto value = item.find("defines")) {
            for (const Reader& define : value->items()) {
                entry.defines.push_back(define.matching("[A-Za-z_][A-Za-z0-9_]*(=[A-Za-z0-9_]*)?"));
            }
        }
        list.push_back(std::move(entry));
    }
    return list;
}

std::map<std::string, std::vector<std::string>> hooks(const Reader& reader)
{
    std::map<std::string, std::vector<std::string>> map;
    for (const auto& [point, functions] : reader.entries()) {
        if (functions.json().is_array()) {
            for (const Reader& function : functions.items()) {
                map[point].push_back(function.matching(qualified));
            }
        } else {
            map[point].push_back(functions.matching(qualified));
        }
    }
    return map;
}

Installation installation(const Reader& reader)
{
    reader.object({"sources", "application_sources", "points", "hooks", "optional_hooks", "syscalls",
                   "third_party", "exports", "personality"});
    Installation result;
    if (const auto value = reader.find("sources")) {
        result.sources = paths(*value);
    }
    if (const auto value = reader.find("application_sources")) {
        result.application_sources = paths(*value);
    }
    if (const auto value = reader.find("points")) {
        result.points = decode_points(*value);
    }
    if (const auto value = reader.find("hooks")) {
        result.hooks = hooks(*value);
    }
    if (const auto value = reader.find("optional_hooks")) {
        result.optional_hooks = hooks(*value);
    }
    if (const auto value = reader.find("syscalls")) {
        for (const auto& [name, function] : value->entries()) {
            result.syscalls[name] = function.matching(qualified);
        }
    }
    if (const auto value = reader.find("third_party")) {
        result.third_party = third_party(*value);
    }
    if (const auto value = reader.find("exports")) {
        for (const Reader& symbol : value->items()) {
            result.exports.push_back(symbol.matching(identifier));
        }
    }
    if (const auto value = reader.find("personality")) {
        static const std::vector<std::string> known{"glibc"};
        result.personality = known[value->one_of(known)];
    }
    return result;
}

void identity(const Reader& reader, Module& module)
{
    static const std::vector<std::string> kinds{"core", "driver", "library", "security"};
    module.name = reader.at("name").matching(name_expression);
    module.version = reader.at("version").matching(version_expression);
    module.kind = static_cast<Module::Kind>(reader.at("kind").one_of(kinds));
    module.summary = reader.at("summary").text();
    module.license = reader.at("license").text();
    if (const auto value = reader.find("maintainer")) {
        module.maintainer = value->text(256);
    }
    if (const auto value = reader.find("documentation")) {
        module.documentation = value->text();
    }
}

Module module_of(const Reader& reader)
{
    reader.object({"name", "version", "kind", "summary", "license", "maintainer", "documentation", "provides",
                   "requires", "conflicts", "memory_kib", "devices", "options", "platforms"});
    Module module;
    identity(reader, module);
    if (const auto value = reader.find("provides")) {
        module.provides = virtual_names(*value);
    }
    if (const auto value = reader.find("requires")) {
        module.required = dependencies(*value);
    }
    if (const auto value = reader.find("conflicts")) {
        module.conflicting = dependencies(*value);
    }
    for (const Dependency& each : module.required) {
        if (module.satisfies(each)) {
            reader.at("requires")
                .refuse("the module itself is or provides " + each.name +
                        ", and none can be installed before itself");
        }
    }
    if (const auto value = reader.find("memory_kib")) {
        module.memory_kib = static_cast<std::uint64_t>(value->integer(0, 1 << 24));
    }
    if (const auto value = reader.find("devices")) {
        module.devices = names(*value);
    }
    if (const auto value = reader.find("options")) {
        for (const auto& [name, part] : value->entries()) {
            if (!matches(name, identifier)) {
                part.refuse("an option's name is a C++ identifier");
            }
            module.options[name] = option(part, true);
        }
        for (const auto& [name, part] : module.options) {
            check_refers_to(*value, module.options, part);
        }
    }
    for (const auto& [platform, part] : reader.at("platforms").entries()) {
        module.platforms[platform] = installation(part);
    }
    return module;
}

}  // namespace

std::map<std::string, HookPoint> decode_points(const Reader& reader)
{
    std::map<std::string, HookPoint> points;
    for (const auto& [name, point] : reader.entries()) {
        if (!matches(name, "[a-z_][a-z0-9_]*(\\.[a-z_][a-z0-9_]*)*")) {
            point.refuse("a point's name is lower-case words joined by dots");
        }
        point.object({"signature", "header", "help"});
        points[name].signature = point.at("signature").text();
        if (const auto header = point.find("header")) {
            points[name].header = header->matching("[A-Za-z0-9_./+-]+");
        }
    }
    return points;
}

Result<Module> decode_module(const nlohmann::json& manifest, const std::string& where)
{
    return reading([&] { return module_of(Reader(manifest, where)); });
}

namespace
{

/// The module of one folder.
Result<Module> load_module(const std::filesystem::path& path, const std::string& where)
{
    const Result<std::string> text = read_file(path / "module.yaml", DocumentLimits{}.bytes);
    const Result<nlohmann::json> manifest = text ? decode_yaml(*text, where) : tl::unexpected(text.error());
    if (!manifest) {
        return tl::unexpected(manifest.error());
    }
    Result<Module> module = decode_module(*manifest, where);
    if (!module) {
        return module;
    }
    if (module->name != path.filename()) {
        return fail(FailureKind::invalid, where + ".name: " + module->name + " is not the folder's name, " +
                                              path.filename().string());
    }
    const Result<Digest> content = sha256_folder(path);
    if (!content) {
        return tl::unexpected(content.error());
    }
    module->content = to_string(*content);
    module->folder = path;
    return module;
}

}  // namespace

Result<Repository> load_repository(const std::filesystem::path& folder, const std::string& name, int priority)
{
    std::error_code error;
    std::vector<std::filesystem::path> folders;
    for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
         it.increment(error)) {
        if (std::filesystem::exists(it->path() / "module.yaml")) {
            folders.push_back(it->path());
        }
    }
    if (error) {
        return fail(FailureKind::not_found, "module repository " + folder.string() + ": " + error.message());
    }
    std::sort(folders.begin(), folders.end());
    Repository repository;
    for (const std::filesystem::path& path : folders) {
        const std::string where = (name.empty() || name == builtin_repository ? "modules" : name) + "/" +
                                  path.filename().string() + "/module.yaml";
        Result<Module> module = load_module(path, where);
        if (!module) {
            return tl::unexpected(module.error());
        }
        module->repository = name;
        module->priority = priority;
        if (Result<void> added = repository.add(std::move(*module)); !added) {
            return tl::unexpected(added.error());
        }
    }
    return repository;
}

}  // namespace unikernel
