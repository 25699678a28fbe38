// SPDX-License-Identifier: Apache-2.0
#include "common/model/image.hh"

#include <algorithm>

#include "common/util/digest.hh"

namespace unikernel
{

const std::map<std::string, nlohmann::json>& Image::values(const std::string& module) const
{
    static const std::map<std::string, nlohmann::json> none;
    const auto found = values_.find(module);
    return found == values_.end() ? none : found->second;
}

ModulePtr Image::installed(const std::string& module) const
{
    const auto found = std::find_if(order_.begin(), order_.end(),
                                    [&](const ModulePtr& each) { return each->name == module; });
    return found == order_.end() ? nullptr : *found;
}

Image Install(const Image& u, const ModulePtr& m)
{
    if (u.has(m->name)) {
        return u;
    }
    Image result = u;
    result.order_.push_back(m);
    auto& values = result.values_[m->name];
    for (const auto& [name, option] : m->options) {
        if (option.initial) {
            values[name] = *option.initial;
        }
    }
    return result;
}

Result<Image> Configure(const Image& u, const ModulePtr& m, const Condition& c)
{
    if (!u.has(m->name)) {
        return fail(FailureKind::invalid, m->name + ": is not installed, so it cannot be configured");
    }
    const auto option = m->options.find(c.option);
    if (option == m->options.end()) {
        return fail(FailureKind::invalid, m->name + "." + c.option + ": no such option");
    }
    Result<nlohmann::json> value = check_value(option->second, c.value, m->name + "." + c.option);
    if (!value) {
        return tl::unexpected(value.error());
    }
    Image result = u;
    result.values_[m->name][c.option] = std::move(*value);
    return result;
}

std::string configuration_digest(const std::map<std::string, nlohmann::json>& values)
{
    return to_string(sha256(nlohmann::json(values).dump()));
}

std::set<std::string> Modules(const Image& u)
{
    std::set<std::string> names;
    for (const ModulePtr& m : u.installed()) {
        names.insert(m->name);
    }
    return names;
}

std::set<Condition> Configuration(const Image& u, const ModulePtr& m)
{
    std::set<Condition> conditions;
    for (const auto& [option, value] : u.values(m->name)) {
        conditions.insert({option, value});
    }
    return conditions;
}

const std::set<Dependency>& Requires(const ModulePtr& m)
{
    return m->required;
}

const std::set<Dependency>& Conflicts(const ModulePtr& m)
{
    return m->conflicting;
}

bool IsInstallable(const Image& u, const ModulePtr& m)
{
    const auto in_image = [&](const Dependency& dependency) {
        return std::any_of(u.installed().begin(), u.installed().end(), [&](const ModulePtr& other) {
            return other->name != m->name && other->satisfies(dependency);
        });
    };
    return std::all_of(Requires(m).begin(), Requires(m).end(), in_image) &&
           std::none_of(Conflicts(m).begin(), Conflicts(m).end(), in_image);
}

}  // namespace unikernel
