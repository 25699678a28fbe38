// SPDX-License-Identifier: Apache-2.0
#include "builder_service/compliance/plan_change.hh"

#include <algorithm>

#include "common/model/explanation.hh"

namespace unikernel
{

namespace
{

using nlohmann::json;

constexpr std::string_view requirement_prefix = "requirements.";

std::vector<std::string> told(const std::set<std::string>& sources)
{
    std::vector<std::string> words;
    words.reserve(sources.size());
    for (const auto& source : sources)
        words.push_back(source.starts_with(requirement_prefix)
                            ? "requirement " + source.substr(requirement_prefix.size())
                            : source);
    return words;
}

/// "asked for by spec; needed by lwip"
std::string reason_of(const Why& why)
{
    std::string reason;
    if (!why.sources.empty())
        reason = "asked for by " + told_sources(why.sources);
    if (!why.needed_by.empty())
        reason += (reason.empty() ? "" : "; ") +
                  ("needed by " + joined({why.needed_by.begin(), why.needed_by.end()}, ", "));
    return reason;
}

json versions_of(const json& description)
{
    auto versions = json::object();
    if (description.is_object())
        for (const auto& module : description.value("modules", json::array()))
            versions[module.value("name", "")] = module.value("version", "");
    return versions;
}

json options_of(const json& description, const std::string& module)
{
    if (!description.is_object())
        return json::object();
    return description.value("configuration", json::object()).value(module, json::object());
}

json option_change(const json& from, const json& to, const Why& why, const std::string& option)
{
    auto sources = json::array();
    if (const auto set = why.options.find(option); set != why.options.end())
        sources = told(set->second);
    return {{"from", from}, {"to", to}, {"sources", sources}};
}

/// Of a module that is there before and after.
json changed_options(const json& before, const json& after, const Why& why)
{
    auto options = json::object();
    for (const auto& [name, value] : after.items())
        if (!before.contains(name) || before[name] != value)
            options[name] = option_change(before.value(name, json()), value, why, name);
    for (const auto& [name, value] : before.items())
        if (!after.contains(name))
            options[name] = option_change(value, nullptr, why, name);
    return options;
}

json given_options(const json& after, const Why& why)
{
    auto options = json::object();
    for (const auto& [name, sources] : why.options)
        options[name] = option_change(nullptr, after.value(name, json()), why, name);
    return options;
}

}  // namespace

std::string told_sources(const std::set<std::string>& sources)
{
    return joined(told(sources), ", ");
}

json module_changes(const json& before, const std::map<std::string, Why>& why_before, const Preview& after)
{
    auto changes = json::array();
    const auto old_versions = versions_of(before);
    for (const auto& module : after.description.at("modules")) {
        const auto name = module.value("name", "");
        const auto& why = after.why.at(name);
        const bool added = !old_versions.contains(name);
        const auto values = options_of(after.description, name);
        const auto options =
            added ? given_options(values, why) : changed_options(options_of(before, name), values, why);
        const bool same = !added && options.empty() && old_versions[name] == module["version"];
        changes.push_back({{"name", name},
                           {"version", module["version"]},
                           {"change", added  ? "added"
                                      : same ? "kept"
                                             : "changed"},
                           {"options", options},
                           {"reason", reason_of(why)}});
    }
    const auto new_versions = versions_of(after.description);
    for (const auto& [name, version] : old_versions.items()) {
        if (new_versions.contains(name))
            continue;
        const auto known = why_before.find(name);
        const auto reason = known == why_before.end() ? "" : reason_of(known->second);
        changes.push_back({{"name", name},
                           {"version", version},
                           {"change", "removed"},
                           {"options", json::object()},
                           {"reason", reason.empty() ? "nothing asks for it any more" : "it was " + reason}});
    }
    return changes;
}

}  // namespace unikernel
