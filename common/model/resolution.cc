// SPDX-License-Identifier: Apache-2.0
#include "common/model/resolution.hh"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <unordered_map>

#include "common/model/explanation.hh"
#include "common/model/lost.hh"
#include "common/model/solver.hh"

namespace unikernel
{

namespace
{

using Modules = std::vector<ModulePtr>;

bool is_admitted(const Module& module, const Lock& lock)
{
    const auto locked = lock.find(module.name);
    return lock.empty() || (locked != lock.end() && is_meant(locked->second, module));
}

/// Of one name and version in several repositories only that of the highest priority is there, whether or not
/// it can be installed: nothing of another origin takes its place unasked.
Modules candidates_of(const Repository& repository, const std::string& platform, const Lock& lock)
{
    Modules list = repository.all();
    std::erase_if(list, [&](const ModulePtr& module) { return !is_admitted(*module, lock); });
    std::set<std::pair<std::string_view, std::string_view>> seen;
    std::erase_if(list, [&](const ModulePtr& module) {
        return !seen.emplace(module->name, module->version).second || !module->platforms.contains(platform);
    });
    return list;
}

std::vector<solver::Package> packages_of(const Modules& candidates)
{
    std::vector<solver::Package> packages;
    packages.reserve(candidates.size());
    for (const ModulePtr& module : candidates) {
        packages.push_back({.name = &module->name,
                            .version = &module->version,
                            .priority = module->priority,
                            .provides = &module->provides,
                            .required = &module->required,
                            .conflicting = &module->conflicting});
    }
    return packages;
}

/// A module requires `needed`, which each of these chosen ones satisfies.
struct Edge {
    const Dependency* needed = nullptr;
    std::vector<std::size_t> providers;
};
using Edges = std::vector<std::vector<Edge>>;  ///< of each chosen module

Edges edges_of(const Modules& chosen)
{
    std::multimap<std::string, std::size_t> by_name;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        by_name.emplace(chosen[i]->name, i);
        for (const auto& [name, version] : chosen[i]->provides) {
            by_name.emplace(name, i);
        }
    }
    Edges edges(chosen.size());
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        for (const Dependency& needed : Requires(chosen[i])) {
            Edge edge{.needed = &needed, .providers = {}};
            const auto [begin, end] = by_name.equal_range(needed.name);
            for (auto it = begin; it != end; ++it) {
                if (chosen[it->second]->satisfies(needed)) {
                    edge.providers.push_back(it->second);
                }
            }
            edges[i].push_back(std::move(edge));
        }
    }
    return edges;
}

/// One resolution at work.
class Resolver
{
public:
    Resolver(const Repository& repository, const std::string& platform, const WantedModules& wanted,
             const Lock& lock)
        : repository_(repository), platform_(platform), wanted_(wanted), lock_(lock),
          candidates_(candidates_of(repository, platform, lock)), universe_(packages_of(candidates_))
    {
        for (const ModulePtr& module : candidates_) {
            providers_.emplace(module->name, module.get());
            for (const auto& [name, version] : module->provides) {
                providers_.emplace(name, module.get());
            }
        }
        for (const auto& [name, asked] : wanted) {
            Dependency dependency(name);
            dependency.bounds = asked.bounds;
            roots_.push_back(std::move(dependency));
        }
    }

    Result<Modules> run()
    {
        for (const Dependency& root : roots_) {
            if (Result<void> there = check_root(root); !there) {
                return tl::unexpected(there.error());
            }
        }
        const auto solved = universe_.solve(roots_);
        if (const auto* obstacles = std::get_if<solver::Obstacles>(&solved)) {
            return fail(FailureKind::unresolvable, explanation().of(*obstacles));
        }
        Modules chosen;
        for (const std::size_t index : std::get<solver::Solution>(solved)) {
            chosen.push_back(candidates_[index]);
        }
        chosen = pruned(chosen);
        const Edges edges = edges_of(chosen);
        if (Result<void> clear = check_choices(chosen, edges); !clear) {
            return tl::unexpected(clear.error());
        }
        return sorted(chosen, edges);
    }

private:
    Explanation explanation() const { return {repository_, candidates_, wanted_}; }
    bool is_root(const ModulePtr& module) const { return wanted_.contains(module->name); }

    /// What is wanted by name exists, for this platform, in a version that is asked for and locked.
    Result<void> check_root(const Dependency& root) const
    {
        const auto& versions = repository_.versions(root.name);
        const auto refuse = [&](const std::string& why) {
            return fail(FailureKind::unresolvable, "module " + explanation().because(root.name) + why);
        };
        if (versions.empty()) {
            return refuse(": there is no such module" + repository_.pinned_text(root.name));
        }
        const auto fits = [&](const ModulePtr& version) { return version->platforms.contains(platform_); };
        if (std::none_of(versions.begin(), versions.end(), fits)) {
            std::vector<std::string> known;
            for (const auto& [platform, unused] : versions.front()->platforms) {
                known.push_back(platform);
            }
            return refuse(" cannot be installed on platform " + platform_ + ", only on " +
                          (known.empty() ? "none" : joined(known, ", ")));
        }
        const auto locked = lock_.find(root.name);
        if (!lock_.empty() && locked == lock_.end()) {
            return refuse(": spec.lock does not have it; leave the lock out to choose anew");
        }
        const auto usable = [&](const ModulePtr& version) {
            return fits(version) && version->satisfies(root) &&
                   (lock_.empty() || is_meant(locked->second, *version));
        };
        if (std::none_of(versions.begin(), versions.end(), usable)) {
            std::vector<std::string> there;
            there.reserve(versions.size());
            for (const ModulePtr& version : versions) {
                there.push_back(version->version + origin_text(*version));
            }
            return refuse(": no version is " + to_string(root) +
                          (lock_.empty() ? "" : " and as spec.lock says, " + locked->second) +
                          "; there are " + joined(there, ", ") + repository_.pinned_text(root.name));
        }
        return {};
    }

    /// A provider that was chosen early may have become needless by a later choice.
    Modules pruned(const Modules& chosen) const
    {
        const Edges edges = edges_of(chosen);
        std::vector<bool> kept(chosen.size(), true);
        const auto only = [&](const Edge& edge, std::size_t module) {
            return std::all_of(edge.providers.begin(), edge.providers.end(),
                               [&](std::size_t provider) { return provider == module || !kept[provider]; });
        };
        const auto needed = [&](std::size_t module) {
            for (std::size_t by = 0; by < chosen.size(); ++by) {
                if (kept[by] && by != module &&
                    std::any_of(edges[by].begin(), edges[by].end(),
                                [&](const Edge& edge) { return only(edge, module); })) {
                    return true;
                }
            }
            return false;
        };
        for (bool changed = true; changed;) {
            changed = false;
            for (std::size_t i = chosen.size(); i-- > 0;) {
                if (kept[i] && !is_root(chosen[i]) && !needed(i)) {
                    kept[i] = false;
                    changed = true;
                }
            }
        }
        Modules rest;
        for (std::size_t i = 0; i < chosen.size(); ++i) {
            if (kept[i]) {
                rest.push_back(chosen[i]);
            }
        }
        return rest;
    }

    /// Nobody's choice is guessed: a module that is only there because it provides a virtual name must be the
    /// only one possible.
    Result<void> check_choices(const Modules& chosen, const Edges& edges) const
    {
        std::set<std::string> named;
        for (const ModulePtr& module : chosen) {
            for (const Dependency& needed : Requires(module)) {
                named.insert(needed.name);
            }
        }
        const auto stands_for_itself = [&](std::size_t provider) {
            return is_root(chosen[provider]) || named.contains(chosen[provider]->name);
        };
        for (std::size_t by = 0; by < chosen.size(); ++by) {
            for (const auto& [needed, providers] : edges[by]) {
                if (std::none_of(providers.begin(), providers.end(), stands_for_itself) &&
                    could_be_without(chosen[providers.front()]->name, *needed)) {
                    return fail(FailureKind::unresolvable, explanation().ambiguous(*chosen[by], *needed));
                }
            }
        }
        return {};
    }

    /// Whether something else could meet the need.
    bool could_be_without(const std::string& provider, const Dependency& needed) const
    {
        const auto other = [&](const Module& module) {
            return module.name != provider && module.satisfies(needed);
        };
        const auto [begin, end] = providers_.equal_range(needed.name);
        return std::any_of(begin, end, [&](const auto& entry) { return other(*entry.second); }) &&
               std::holds_alternative<solver::Solution>(universe_.solve(roots_, {provider}));
    }

    /// By name, but what is required first: all providers of a virtual name if that is possible, else one of
    /// them, which is what IsInstallable asks for.
    static Result<Modules> sorted(const Modules& chosen, const Edges& edges)
    {
        std::vector<std::size_t> waiting(chosen.size());
        std::iota(waiting.begin(), waiting.end(), 0);
        std::sort(waiting.begin(), waiting.end(),
                  [&](std::size_t a, std::size_t b) { return chosen[a]->name < chosen[b]->name; });
        std::vector<bool> placed(chosen.size(), false);
        const auto ready = [&](std::size_t module, bool with_all) {
            return std::all_of(edges[module].begin(), edges[module].end(), [&](const Edge& edge) {
                const auto there = [&](std::size_t provider) { return placed[provider]; };
                const auto& providers = edge.providers;
                return with_all ? std::all_of(providers.begin(), providers.end(), there)
                                : std::any_of(providers.begin(), providers.end(), there);
            });
        };
        Modules order;
        while (!waiting.empty()) {
            auto next =
                std::find_if(waiting.begin(), waiting.end(), [&](auto each) { return ready(each, true); });
            if (next == waiting.end()) {
                next = std::find_if(waiting.begin(), waiting.end(),
                                    [&](auto each) { return ready(each, false); });
            }
            if (next == waiting.end()) {
                return circle(chosen, edges, placed, waiting.front());
            }
            placed[*next] = true;
            order.push_back(chosen[*next]);
            waiting.erase(next);
        }
        return order;
    }

    /// From a module that waits to one it waits for, and so on, until one comes again.
    static tl::unexpected<Failure> circle(const Modules& chosen, const Edges& edges,
                                          const std::vector<bool>& placed, std::size_t start)
    {
        std::vector<std::size_t> trail{start};
        while (true) {
            const auto& own = edges[trail.back()];
            const auto blocking = std::find_if(own.begin(), own.end(), [&](const Edge& edge) {
                return std::none_of(edge.providers.begin(), edge.providers.end(),
                                    [&](std::size_t provider) { return placed[provider]; });
            });
            const std::size_t next = blocking->providers.front();
            const bool again = std::find(trail.begin(), trail.end(), next) != trail.end();
            trail.push_back(next);
            if (again) {
                std::vector<std::string> names;
                for (auto it = std::find(trail.begin(), trail.end(), next); it != trail.end(); ++it) {
                    names.push_back(chosen[*it]->name);
                }
                return fail(FailureKind::unresolvable,
                            "modules require each other in a circle, so none can be first: " +
                                joined(names, " -> ") + "; one of these manifests must drop a requirement");
            }
        }
    }

    const Repository& repository_;
    const std::string& platform_;
    const WantedModules& wanted_;
    const Lock& lock_;
    const Modules candidates_;
    const solver::Universe universe_;
    std::unordered_multimap<std::string_view, const Module*> providers_;  ///< candidates by all their names
    std::vector<Dependency> roots_;
};

}  // namespace

Result<std::vector<ModulePtr>> resolve(const Repository& repository, const std::string& platform,
                                       const WantedModules& wanted, const Lock& lock)
{
    if (Result<void> known = check_lost(repository, wanted, lock); !known) {
        return tl::unexpected(known.error());
    }
    return Resolver(repository, platform, wanted, lock).run();
}

}  // namespace unikernel
