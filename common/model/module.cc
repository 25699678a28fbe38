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

bool is_meant(std::string_view entry, const Module& module)
{
    const std::size_t at = std::min(entry.find('@'), entry.size());
    return entry.substr(0, at) == module.version &&
           (at == entry.size() || entry.substr(at + 1) == module.repository);
}

namespace
{

bool better(const ModulePtr& a, const ModulePtr& b)
{
    return a->priority != b->priority ? a->priority > b->priority
                                      : compare_versions(a->version, b->version) > 0;
}

Result<void> insert(std::vector<ModulePtr>& versions, const ModulePtr& module)
{
    const auto place = std::lower_bound(versions.begin(), versions.end(), module, better);
    if (place != versions.end() && !better(module, *place)) {
        const auto& other = (*place)->repository;
        return fail(FailureKind::conflict,
                    "two modules are named " + module->name + " and have version " + module->version +
                        (other == module->repository
                             ? ""
                             : ", one of repository " + other + " and one of repository " +
                                   module->repository + ", which have the same priority, " +
                                   std::to_string(module->priority) + "; give one of them another"));
    }
    versions.insert(place, module);
    return {};
}

}  // namespace

Result<void> Repository::add(Module module)
{
    const auto shared = std::make_shared<const Module>(std::move(module));
    return insert(modules_[shared->name], shared);
}

Result<void> Repository::add_all(const Repository& other)
{
    auto both = modules_;
    for (const ModulePtr& module : other.all()) {
        if (Result<void> added = insert(both[module->name], module); !added) {
            return added;
        }
    }
    modules_ = std::move(both);
    return {};
}

void Repository::pin(const std::string& module, const std::string& entry)
{
    Pin& pin = pins_[module];
    pin.entry = entry;
    const auto known = modules_.find(module);
    if (known == modules_.end()) {
        return;
    }
    auto& versions = known->second;
    const auto others = std::stable_partition(versions.begin(), versions.end(),
                                              [&](const ModulePtr& each) { return is_meant(entry, *each); });
    pin.excluded.assign(others, versions.end());
    versions.erase(others, versions.end());
    if (versions.empty()) {
        modules_.erase(known);
    }
}

std::string Repository::pinned(std::string_view name) const
{
    const auto pin = pins_.find(name);
    return pin == pins_.end() ? "" : pin->second.entry;
}

std::vector<ModulePtr> Repository::excluded(std::string_view name) const
{
    const auto pin = pins_.find(name);
    return pin == pins_.end() ? std::vector<ModulePtr>{} : pin->second.excluded;
}

std::string Repository::pinned_text(std::string_view name) const
{
    const auto pin = pins_.find(name);
    if (pin == pins_.end() || pin->second.excluded.empty()) {
        return "";
    }
    std::string versions;
    for (const ModulePtr& each : pin->second.excluded) {
        versions += (versions.empty() ? "" : ", ") + each->version;
    }
    return "; [pins] " + std::string(name) + " = " + pin->second.entry + " leaves out " + versions;
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
