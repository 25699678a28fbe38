// SPDX-License-Identifier: Apache-2.0
#include "common/model/module.hh"

#include <algorithm>
#include <utility>

namespace unikernel
{

std::string_view to_string(Module::Kind kind)
{
    static constexpr std::string_view names[] = {"core", "driver", "library", "security"};
    return names[static_cast<std::size_t>(kind)];
}

bool Module::satisfies(const Dependency& dependency) const
{
    if (name == dependency.name) {
        return dependency.admits(version);
    }
    const auto provided = provides.find(dependency.name);
    return provided != provides.end() && dependency.admits(provided->second);
}

Result<void> Repository::add(Module module)
{
    const auto shared = std::make_shared<const Module>(std::move(module));
    const auto better = [](const ModulePtr& a, const ModulePtr& b) {
        return a->priority != b->priority ? a->priority > b->priority
                                          : compare_versions(a->version, b->version) > 0;
    };
    auto& versions = modules_[shared->name];
    const auto place = std::lower_bound(versions.begin(), versions.end(), shared, better);
    if (place != versions.end() && !better(shared, *place)) {
        return fail(FailureKind::conflict,
                    "two modules are named " + shared->name + " and have version " + shared->version);
    }
    versions.insert(place, shared);
    return {};
}

const std::vector<ModulePtr>& Repository::versions(std::string_view name) const
{
    static const std::vector<ModulePtr> none;
    const auto found = modules_.find(name);
    return found == modules_.end() ? none : found->second;
}

ModulePtr Repository::find(std::string_view name) const
{
    const auto& known = versions(name);
    return known.empty() ? nullptr : known.front();
}

std::vector<ModulePtr> Repository::all() const
{
    std::vector<ModulePtr> list;
    list.reserve(modules_.size());
    for (const auto& [name, versions] : modules_) {
        list.insert(list.end(), versions.begin(), versions.end());
    }
    return list;
}

std::vector<std::string> Repository::names() const
{
    std::vector<std::string> list;
    for (const auto& [name, versions] : modules_) {
        list.push_back(name);
    }
    return list;
}

}  // namespace unikernel
