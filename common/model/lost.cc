// SPDX-License-Identifier: Apache-2.0
#include "common/model/lost.hh"

#include <deque>
#include <unordered_map>

#include "common/model/image.hh"

namespace unikernel
{

namespace
{

using Names = std::set<std::string>;

/// All names that matter for what is wanted, with whatever version might be chosen.
Names reachable(const Repository& repository, const WantedModules& wanted)
{
    std::unordered_multimap<std::string, ModulePtr> by_name;
    for (const ModulePtr& module : repository.all()) {
        by_name.emplace(module->name, module);
        for (const auto& [name, version] : module->provides) {
            by_name.emplace(name, module);
        }
    }
    Names names;
    std::deque<std::string> queue;
    const auto meet = [&](const std::string& name) {
        if (names.insert(name).second) {
            queue.push_back(name);
        }
    };
    for (const auto& [name, asked] : wanted) {
        meet(name);
    }
    for (; !queue.empty(); queue.pop_front()) {
        const auto [begin, end] = by_name.equal_range(queue.front());
        for (auto it = begin; it != end; ++it) {
            meet(it->second->name);
            for (const Dependency& needed : Requires(it->second)) {
                meet(needed.name);
            }
        }
    }
    return names;
}

/// Whether an entry of a lock or a pin says that the module comes from elsewhere.
bool is_from_another(const std::string& entry, const LostRepository& lost)
{
    const std::size_t at = entry.find('@');
    return at != std::string::npos && entry.substr(at + 1) != lost.name;
}

}  // namespace

Result<void> check_lost(const Repository& repository, const WantedModules& wanted, const Lock& lock)
{
    if (repository.lost().empty()) {
        return {};
    }
    Names names;
    for (const auto& [name, entry] : lock) {
        names.insert(name);  // only these can be chosen
    }
    names = lock.empty() ? reachable(repository, wanted) : names;
    for (const LostRepository& lost : repository.lost()) {
        for (const std::string& name : names) {
            const auto locked = lock.find(name);
            const std::string entry = locked == lock.end() ? repository.pinned(name) : locked->second;
            if (is_from_another(entry, lost) || !lost.may_have(name)) {
                continue;
            }
            return fail(FailureKind::unavailable,
                        "repository " + lost.name + " cannot be used: " + lost.reason +
                            "; no image is made for which it might have " + name +
                            ", because another module could take its place unnoticed");
        }
    }
    return {};
}

}  // namespace unikernel
