// SPDX-License-Identifier: Apache-2.0
#include "common/model/resolution.hh"

#include <algorithm>
#include <map>
#include <set>

namespace unikernel
{

namespace
{

std::string joined(const std::vector<std::string>& names, std::string_view glue)
{
    std::string text;
    for (const std::string& name : names) {
        text += (text.empty() ? "" : std::string(glue)) + name;
    }
    return text;
}

/// One resolution at work: what was chosen so far, and why.
class Resolver
{
public:
    Resolver(const Repository& repository, const std::string& platform, const WantedModules& wanted)
        : repository_(repository), platform_(platform), wanted_(wanted)
    {
    }

    Result<std::vector<ModulePtr>> run()
    {
        for (const auto& [name, asked] : wanted_) {
            if (Result<void> done = choose(name, ""); !done) {
                return tl::unexpected(done.error());
            }
        }
        if (Result<void> done = close(); !done) {
            return tl::unexpected(done.error());
        }
        if (Result<void> done = check_conflicts(); !done) {
            return tl::unexpected(done.error());
        }
        return sorted();
    }

private:
    /// "http-guard (asked for by requirements.staff-only), required by ...": how it got in.
    std::string because(const std::string& name) const
    {
        if (const auto asked = wanted_.find(name); asked != wanted_.end()) {
            const std::vector<std::string> sources(asked->second.sources.begin(),
                                                   asked->second.sources.end());
            return name + " (asked for by " + joined(sources, " and ") + ")";
        }
        const auto parent = parents_.find(name);
        return parent == parents_.end() ? name : name + " (required by " + because(parent->second) + ")";
    }

    Result<void> choose(const std::string& name, const std::string& parent)
    {
        if (chosen_.contains(name)) {
            return {};
        }
        const ModulePtr module = repository_.find(name);
        if (!module) {
            return fail(FailureKind::unresolvable, "module " + because(name) + ": there is no such module");
        }
        if (!parent.empty()) {
            parents_[name] = parent;
        }
        if (!module->platforms.contains(platform_)) {
            std::vector<std::string> known;
            for (const auto& [platform, unused] : module->platforms) {
                known.push_back(platform);
            }
            return fail(FailureKind::unresolvable,
                        "module " + because(name) + " cannot be installed on platform " + platform_ +
                            ", only on " + (known.empty() ? "none" : joined(known, ", ")));
        }
        chosen_[name] = module;
        return {};
    }

    ModulePtr chosen_for(const std::string& name) const
    {
        if (const auto same = chosen_.find(name); same != chosen_.end()) {
            return same->second;
        }
        for (const auto& [unused, module] : chosen_) {
            if (module->provides.contains(name)) {
                return module;
            }
        }
        return nullptr;
    }

    /// Until nothing is missing. A virtual name with several providers waits as long as another choice
    /// may still bring one of them in, so that the result does not depend on the order of the look-ups.
    Result<void> close()
    {
        while (true) {
            std::vector<std::pair<std::string, std::string>> missing;  // required name, by whom
            for (const auto& [name, module] : chosen_) {
                for (const std::string& needed : Requires(module)) {
                    if (!chosen_for(needed)) {
                        missing.emplace_back(needed, name);
                    }
                }
            }
            if (missing.empty()) {
                return {};
            }
            bool progress = false;
            for (const auto& [needed, by] : missing) {
                if (repository_.find(needed) || repository_.providers(needed).size() == 1) {
                    const ModulePtr only = repository_.find(needed) ? repository_.find(needed)
                                                                    : repository_.providers(needed).front();
                    if (Result<void> done = choose(only->name, by); !done) {
                        return done;
                    }
                    progress = true;
                }
            }
            if (!progress) {
                return unmet(missing.front().first, missing.front().second);
            }
        }
    }

    tl::unexpected<Failure> unmet(const std::string& needed, const std::string& by) const
    {
        const auto candidates = repository_.providers(needed);
        const std::string start = "module " + because(by) + " requires " + needed + ", ";
        if (candidates.empty()) {
            return fail(FailureKind::unresolvable, start +
                                                       "and no module is named so or provides it; add that "
                                                       "module to the module repository or drop " +
                                                       by);
        }
        std::vector<std::string> names;
        names.reserve(candidates.size());
        for (const ModulePtr& candidate : candidates) {
            names.push_back(candidate->name);
        }
        return fail(FailureKind::unresolvable, start + "which several provide: " + joined(names, ", ") +
                                                   "; name one of them in spec.modules");
    }

    Result<void> check_conflicts() const
    {
        for (const auto& [name, module] : chosen_) {
            for (const std::string& against : Conflicts(module)) {
                for (const auto& [other_name, other] : chosen_) {
                    if (other_name == name || !other->answers_to(against)) {
                        continue;
                    }
                    return fail(FailureKind::unresolvable,
                                "module " + because(name) + " conflicts with " + because(other_name) +
                                    (other_name == against ? "" : ", which provides " + against) +
                                    "; an image cannot have both: leave one of them out");
                }
            }
        }
        return {};
    }

    Result<std::vector<ModulePtr>> sorted() const
    {
        std::map<std::string, std::set<std::string>> waits_for;
        for (const auto& [name, module] : chosen_) {
            auto& before = waits_for[name];
            for (const std::string& needed : Requires(module)) {
                // A virtual name is met by any of its providers; all that are there come first.
                for (const auto& [other_name, other] : chosen_) {
                    if (other->answers_to(needed) && (other_name != name || needed == name)) {
                        before.insert(other_name);
                    }
                }
            }
        }
        std::vector<ModulePtr> order;
        while (!waits_for.empty()) {
            const auto ready = std::find_if(waits_for.begin(), waits_for.end(),
                                            [](const auto& entry) { return entry.second.empty(); });
            if (ready == waits_for.end()) {
                return cycle(waits_for);
            }
            const std::string name = ready->first;
            waits_for.erase(ready);
            for (auto& [unused, before] : waits_for) {
                before.erase(name);
            }
            order.push_back(chosen_.at(name));
        }
        return order;
    }

    tl::unexpected<Failure> cycle(const std::map<std::string, std::set<std::string>>& waits_for) const
    {
        std::vector<std::string> trail{waits_for.begin()->first};
        while (true) {
            const std::string& next = *waits_for.at(trail.back()).begin();
            const auto seen = std::find(trail.begin(), trail.end(), next);
            if (seen != trail.end()) {
                trail.erase(trail.begin(), seen);
                trail.push_back(trail.front());
                return fail(FailureKind::unresolvable,
                            "modules require each other in a circle, so none can be first: " +
                                joined(trail, " -> ") + "; one of these manifests must drop a requirement");
            }
            trail.push_back(next);
        }
    }

    const Repository& repository_;
    const std::string& platform_;
    const WantedModules& wanted_;
    std::map<std::string, ModulePtr> chosen_;
    std::map<std::string, std::string> parents_;
};

}  // namespace

Result<std::vector<ModulePtr>> resolve(const Repository& repository, const std::string& platform,
                                       const WantedModules& wanted)
{
    return Resolver(repository, platform, wanted).run();
}

}  // namespace unikernel
