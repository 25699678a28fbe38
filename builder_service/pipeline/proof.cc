// SPDX-License-Identifier: Apache-2.0
#include "builder_service/pipeline/proof.hh"

#include <string>

namespace unikernel
{

namespace
{

using nlohmann::json;

tl::unexpected<Failure> differs(const std::string& what)
{
    return fail(FailureKind::invalid, "the finished image is not the planned one: " + what);
}

/// "guard 1.2.0" of an entry of `modules`.
std::string text_of(const json& module)
{
    const auto word = [&](const char* key) {
        return module.is_object() && module.contains(key) && module[key].is_string()
                   ? module[key].get<std::string>()
                   : std::string("?");
    };
    return module.is_null() ? "nothing" : word("name") + " " + word("version");
}

Result<void> check_options(const Module& module, const std::map<std::string, json>& values, const json& found)
{
    for (const auto& [option, value] : values) {
        const json planned = redact(module.options.at(option), value);
        const json there = found.is_object() ? found.value(option, json()) : json();
        if (there != planned) {
            return differs("option " + module.name + "." + option + " is " + there.dump() + ", planned is " +
                           planned.dump());
        }
    }
    return found.is_object() && found.size() == values.size()
               ? Result<void>{}
               : differs("module " + module.name + " has other options than planned");
}

}  // namespace

Result<void> check_proof(const Image& planned, const json& description)
{
    const json modules = description.value("modules", json::array());
    const json configuration = description.value("configuration", json::object());
    for (std::size_t i = 0; i < planned.installed().size(); ++i) {
        const Module& module = *planned.installed()[i];
        const json there = i < modules.size() ? modules[i] : json();
        const std::string name = module.name + " " + module.version;
        if (text_of(there) != name) {
            return differs("module " + name + " is planned, and " + text_of(there) + " is in its place");
        }
        const auto& values = planned.values(module.name);
        if (there.contains("configuration_digest") &&
            there["configuration_digest"] != configuration_digest(values)) {
            return differs("the configuration of module " + module.name + " has another digest");
        }
        if (Result<void> same =
                check_options(module, values, configuration.value(module.name, json::object()));
            !same) {
            return same;
        }
    }
    return modules.size() == planned.installed().size()
               ? Result<void>{}
               : differs("module " + text_of(modules[planned.installed().size()]) + " was not planned");
}

}  // namespace unikernel
