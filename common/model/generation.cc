// SPDX-License-Identifier: Apache-2.0
#include "common/model/generation.hh"

#include <algorithm>

#include "common/util/nearest.hh"

namespace unikernel
{

namespace
{

std::string path_of(const std::string& source, const std::string& module)
{
    return source + ".modules." + module;
}

std::vector<std::string> option_names(const Module& module)
{
    std::vector<std::string> names;
    for (const auto& [name, option] : module.options) {
        names.push_back(name);
    }
    return names;
}

/// Inserts what one document asks for.
Result<void> insert_all(const Repository& repository, const WantedModules& wanted, WantedModules& into)
{
    for (const auto& [name, asked] : wanted) {
        const ModulePtr module = repository.find(name);
        for (const std::string& source : asked.sources) {
            if (!module) {
                std::vector<std::string> names;
                for (const auto& [known, unused] : repository.all()) {
                    names.push_back(known);
                }
                return fail(FailureKind::invalid,
                            path_of(source, name) + ": there is no such module" + did_you_mean(name, names));
            }
            Insert(into, name, source);
        }
        for (const auto& [option, given] : asked.options) {
            if (Result<void> done = Insert(into, module, {option, given.value}, given.source); !done) {
                return done;
            }
        }
    }
    return {};
}

std::string why_not_installable(const Image& u, const ModulePtr& m)
{
    for (const std::string& name : Requires(m)) {
        if (std::none_of(u.installed().begin(), u.installed().end(),
                         [&](const ModulePtr& other) { return other->answers_to(name); })) {
            return "module " + m->name + " is not installable: it requires " + name +
                   ", which is not installed before it";
        }
    }
    for (const std::string& name : Conflicts(m)) {
        for (const ModulePtr& other : u.installed()) {
            if (other->name != m->name && other->answers_to(name)) {
                return "module " + m->name + " is not installable: it conflicts with " + name +
                       (other->name == name ? "" : ", provided by " + other->name) + ", which is installed";
            }
        }
    }
    return "module " + m->name + " is not installable";
}

/// Every option of an installed module has a value, and references between them hold.
Result<void> check_complete(const Image& u, const ModulePtr& m, const WantedModules& image_specs)
{
    const auto& values = u.values(m->name);
    for (const auto& [name, option] : m->options) {
        if (!values.contains(name)) {
            return fail(FailureKind::invalid,
                        "modules." + m->name + "." + name +
                            ": must be given; it has no default. Set it in spec.modules." + m->name +
                            " or in a requirement");
        }
    }
    // A reference may cross documents; the message names the one that asked for the module.
    const auto wanted = image_specs.find(m->name);
    const std::string source = wanted == image_specs.end() || wanted->second.sources.empty()
                                   ? "modules." + m->name
                                   : path_of(*wanted->second.sources.begin(), m->name);
    return check_references(m->options, values, source);
}

}  // namespace

void Insert(WantedModules& image_specs, const std::string& module, const std::string& source)
{
    image_specs[module].sources.insert(source);
}

Result<void> Insert(WantedModules& image_specs, const ModulePtr& module, const Condition& c,
                    const std::string& source)
{
    const std::string path = path_of(source, module->name) + "." + c.option;
    const auto option = module->options.find(c.option);
    if (option == module->options.end()) {
        return fail(FailureKind::invalid, path + ": module " + module->name + " has no such option" +
                                              did_you_mean(c.option, option_names(*module)));
    }
    Result<nlohmann::json> value = check_value(option->second, c.value, path);
    if (!value) {
        return tl::unexpected(value.error());
    }
    auto& options = image_specs[module->name].options;
    const auto [place, fresh] = options.try_emplace(c.option, Sourced{*value, source});
    if (!fresh && place->second.value != *value) {
        const Sourced& other = place->second;
        return fail(FailureKind::unresolvable,
                    "module " + module->name + ", option " + c.option + ": " + other.source + " sets it to " +
                        redact(option->second, other.value).dump() + " and " + source + " to " +
                        redact(option->second, *value).dump() +
                        "; requirements only add or tighten, so one of the two must change");
    }
    return {};
}

Result<WantedModules> merge(const Repository& repository, const ImageSpec& spec,
                            const std::vector<SecurityRequirement>& requirements,
                            std::vector<std::string>& skipped)
{
    // By name, so that also messages do not depend on the order in which they were given.
    std::vector<const SecurityRequirement*> sorted;
    sorted.reserve(requirements.size());
    for (const SecurityRequirement& requirement : requirements) {
        sorted.push_back(&requirement);
    }
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto* a, const auto* b) { return a->name < b->name; });
    WantedModules merged;
    if (Result<void> done = insert_all(repository, spec.modules, merged); !done) {
        return tl::unexpected(done.error());
    }
    for (const SecurityRequirement* requirement : sorted) {
        if (!applies(requirement->applies_to, spec)) {
            skipped.push_back(requirement->name);
        } else if (Result<void> done = insert_all(repository, requirement->modules, merged); !done) {
            return tl::unexpected(done.error());
        }
    }
    return merged;
}

Result<Image> Generate(const WantedModules& image_specs, const std::vector<ModulePtr>& order)
{
    Image u;  // u_0
    for (const ModulePtr& m : order) {
        if (!IsInstallable(u, m)) {
            return fail(FailureKind::unresolvable, why_not_installable(u, m));
        }
        u = Install(u, m);
        if (const auto wanted = image_specs.find(m->name); wanted != image_specs.end()) {
            for (const auto& [option, given] : wanted->second.options) {
                Result<Image> configured = Configure(u, m, {option, given.value});
                if (!configured) {
                    return configured;
                }
                u = std::move(*configured);
            }
        }
        if (Result<void> complete = check_complete(u, m, image_specs); !complete) {
            return tl::unexpected(complete.error());
        }
    }
    return u;
}

}  // namespace unikernel
