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

tl::unexpected<Failure> no_such_module(const Repository& repository, const std::string& name,
                                       const std::string& place)
{
    for (const LostRepository& lost : repository.lost()) {
        if (lost.may_have(name)) {
            return fail(FailureKind::unavailable, place + ": there is no such module, unless repository " +
                                                      lost.name +
                                                      " has it, which cannot be used: " + lost.reason);
        }
    }
    const std::string pinned = repository.pinned_text(name);
    return fail(FailureKind::invalid, place + ": there is no such module" +
                                          (pinned.empty() ? did_you_mean(name, repository.names()) : pinned));
}

/// Inserts what one document asks for.
Result<void> insert_all(const Repository& repository, const WantedModules& wanted, WantedModules& into)
{
    for (const auto& [name, asked] : wanted) {
        Dependency module(name);
        module.bounds = asked.bounds;
        for (const std::string& source : asked.sources) {
            if (!repository.find(name)) {
                return no_such_module(repository, name, path_of(source, name));
            }
            Insert(into, module, source);
        }
        for (const auto& [option, values] : asked.options) {
            for (const Sourced& given : values) {
                Insert(into, name, {option, given.value}, given.source);
            }
        }
    }
    return {};
}

/// The one value of what several sources want of an option.
Result<nlohmann::json> settle(const ModulePtr& module, const std::string& name, std::vector<Sourced> values)
{
    const auto option = module->options.find(name);
    if (option == module->options.end()) {
        return fail(FailureKind::invalid, path_of(values.front().source, module->name) + "." + name +
                                              ": module " + module->name + " has no such option" +
                                              did_you_mean(name, option_names(*module)));
    }
    for (Sourced& given : values) {
        Result<nlohmann::json> value =
            check_value(option->second, given.value, path_of(given.source, module->name) + "." + name);
        if (!value) {
            return value;
        }
        given.value = std::move(*value);
    }
    // By source, so that messages do not depend on who came first; "spec" is after "requirements".
    std::stable_sort(values.begin(), values.end(), [](const Sourced& a, const Sourced& b) {
        return std::pair(a.source != "spec", a.source) < std::pair(b.source != "spec", b.source);
    });
    nlohmann::json settled = values.front().value;
    for (const Sourced& given : values) {
        const auto stricter = stricter_of(option->second, settled, given.value);
        if (!stricter) {
            const auto differs = std::find_if(values.begin(), values.end(), [&](const Sourced& other) {
                return !stricter_of(option->second, other.value, given.value);
            });
            const Sourced& other = differs == values.end() ? values.front() : *differs;
            const auto word = [](const Sourced& each, const char* sets) {
                return each.source + (each.relied_on ? " leaves it at its default " : sets);
            };
            return fail(FailureKind::unresolvable,
                        "module " + module->name + ", option " + name + ": " + word(other, " sets it to ") +
                            redact(option->second, other.value).dump() + " and " +
                            word(given, other.relied_on ? " sets it to " : " to ") +
                            redact(option->second, given.value).dump() +
                            "; requirements only add or tighten, so one of the two must change");
        }
        settled = *stricter;
    }
    // What both of two lists hold may be more than one list can: too many items, or a name twice.
    return check_value(option->second, settled, "modules." + module->name + "." + name);
}

/// What is wanted of a module's options. Whoever requires a module for security counts on the defaults of
/// what he does not mention, so that nobody else may weaken it there; what is delegated is for others to say.
std::map<std::string, std::vector<Sourced>> wanted_options(const Wanted& wanted, const Module& module)
{
    std::map<std::string, std::vector<Sourced>> options = wanted.options;
    if (module.kind != Module::Kind::security) {
        return options;
    }
    for (auto& [name, values] : options) {
        const auto option = module.options.find(name);
        if (option == module.options.end() || !option->second.initial || option->second.delegated) {
            continue;
        }
        for (const std::string& source : wanted.sources) {
            if (source != "spec" && std::none_of(values.begin(), values.end(), [&](const Sourced& given) {
                    return given.source == source;
                })) {
                values.push_back({*option->second.initial, source, true});
            }
        }
    }
    return options;
}

std::string why_not_installable(const Image& u, const ModulePtr& m)
{
    for (const Dependency& needed : Requires(m)) {
        if (std::none_of(u.installed().begin(), u.installed().end(),
                         [&](const ModulePtr& other) { return other->satisfies(needed); })) {
            return "module " + m->name + " is not installable: it requires " + to_string(needed) +
                   ", which is not installed before it";
        }
    }
    for (const Dependency& against : Conflicts(m)) {
        for (const ModulePtr& other : u.installed()) {
            if (other->name != m->name && other->satisfies(against)) {
                return "module " + m->name + " is not installable: it conflicts with " + to_string(against) +
                       (other->name == against.name ? "" : ", provided by " + other->name) +
                       ", which is installed";
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

void Insert(WantedModules& image_specs, const Dependency& module, const std::string& source)
{
    Wanted& wanted = image_specs[module.name];
    wanted.sources.insert(source);
    for (const VersionBound& bound : module.bounds) {
        const auto place = std::lower_bound(wanted.bounds.begin(), wanted.bounds.end(), bound);
        if (place == wanted.bounds.end() || *place != bound) {
            wanted.bounds.insert(place, bound);
        }
    }
}

void Insert(WantedModules& image_specs, const std::string& module, const Condition& c,
            const std::string& source)
{
    image_specs[module].options[c.option].push_back({c.value, source});
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

Result<void> check_values(const Repository& repository, const WantedModules& wanted)
{
    WantedModules known;
    if (Result<void> done = insert_all(repository, wanted, known); !done) {
        return done;
    }
    for (const auto& [name, asked] : known) {
        for (const auto& [option, values] : asked.options) {
            if (const auto value = settle(repository.find(name), option, values); !value) {
                return tl::unexpected(value.error());
            }
        }
    }
    return {};
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
            for (const auto& [option, values] : wanted_options(wanted->second, *m)) {
                Result<nlohmann::json> value = settle(m, option, values);
                if (!value) {
                    return tl::unexpected(value.error());
                }
                Result<Image> configured = Configure(u, m, {option, std::move(*value)});
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
