// SPDX-License-Identifier: Apache-2.0
#include "common/model/module.hh"

#include <utility>

namespace unikernel
{

std::string_view to_string(Module::Kind kind)
{
    static constexpr std::string_view names[] = {"core", "driver", "library", "security"};
    return names[static_cast<std::size_t>(kind)];
}

Result<void> Repository::add(Module module)
{
    std::string name = module.name;
    const auto [place, fresh] = modules_.try_emplace(name, std::make_shared<const Module>(std::move(module)));
    if (!fresh) {
        return fail(FailureKind::conflict, "two modules are named " + name);
    }
    return {};
}

ModulePtr Repository::find(std::string_view name) const
{
    const auto found = modules_.find(name);
    return found == modules_.end() ? nullptr : found->second;
}

std::vector<ModulePtr> Repository::providers(std::string_view virtual_name) const
{
    std::vector<ModulePtr> list;
    for (const auto& [name, module] : modules_) {
        if (module->provides.contains(std::string(virtual_name))) {
            list.push_back(module);
        }
    }
    return list;
}

}  // namespace unikernel
