// SPDX-License-Identifier: Apache-2.0
#include "common/model/explanation.hh"

#include <algorithm>
#include <deque>

#include "common/util/nearest.hh"

namespace unikernel
{

namespace
{

using solver::Obstacle;

constexpr std::size_t sentences_most = 8;

std::string versioned(const Module& module)
{
    return module.name + " " + module.version + origin_text(module);
}

/// Whether the same version is in a repository of higher priority.
bool is_hidden(const Repository& repository, const ModulePtr& module)
{
    const auto& versions = repository.versions(module->name);
    return *std::find_if(versions.begin(), versions.end(),
                         [&](const ModulePtr& other) { return other->version == module->version; }) != module;
}

std::vector<std::string> platforms_of(const Module& module)
{
    std::vector<std::string> names;
    for (const auto& [platform, unused] : module.platforms) {
        names.push_back(platform);
    }
    return names;
}

}  // namespace

std::string origin_text(const Module& module)
{
    return module.repository.empty() || module.repository == builtin_repository
               ? ""
               : " of repository " + module.repository;
}

std::string joined(const std::vector<std::string>& words, std::string_view glue)
{
    std::string text;
    for (const std::string& word : words) {
        text += (text.empty() ? "" : std::string(glue)) + word;
    }
    return text;
}

Explanation::Explanation(const Repository& repository, const std::vector<ModulePtr>& candidates,
                         const WantedModules& wanted)
    : repository_(repository), candidates_(candidates), wanted_(wanted)
{
    std::multimap<std::string, const Module*> satisfying;
    for (const ModulePtr& candidate : candidates) {
        satisfying.emplace(candidate->name, candidate.get());
        for (const auto& [name, version] : candidate->provides) {
            satisfying.emplace(name, candidate.get());
        }
    }
    std::deque<std::string> queue;
    for (const auto& [name, asked] : wanted) {
        parents_.emplace(name, "");
        queue.push_back(name);
    }
    for (; !queue.empty(); queue.pop_front()) {
        const std::string by = queue.front();
        for (const ModulePtr& module : repository.versions(by)) {
            for (const Dependency& needed : Requires(module)) {
                const auto [begin, end] = satisfying.equal_range(needed.name);
                for (auto it = begin; it != end; ++it) {
                    if (parents_.emplace(it->second->name, by).second) {
                        queue.push_back(it->second->name);
                    }
                }
            }
        }
    }
}

std::string Explanation::because(const std::string& module) const
{
    if (const auto asked = wanted_.find(module); asked != wanted_.end()) {
        const std::vector<std::string> sources(asked->second.sources.begin(), asked->second.sources.end());
        return module + " (asked for by " + joined(sources, " and ") + ")";
    }
    const auto parent = parents_.find(module);
    return parent == parents_.end() ? module : module + " (required by " + because(parent->second) + ")";
}

/// Why no candidate satisfies a dependency; `by` could do without.
std::string Explanation::missing(const std::string& start, const Dependency& needed,
                                 const std::string& by) const
{
    std::vector<std::string> elsewhere;
    std::vector<std::string> others;
    for (const ModulePtr& module : repository_.all()) {
        if (!module->satisfies(Dependency(needed.name)) || is_hidden(repository_, module)) {
            continue;
        }
        const bool candidate = std::find(candidates_.begin(), candidates_.end(), module) != candidates_.end();
        if (candidate) {
            others.push_back(versioned(*module));
        } else if (module->satisfies(needed)) {
            elsewhere.push_back(versioned(*module) + " is for " +
                                (module->platforms.empty() ? "none" : joined(platforms_of(*module), ", ")));
        }
    }
    if (!elsewhere.empty()) {
        return start + ", which cannot be installed here: " + joined(elsewhere, "; ") + "; drop " + by +
               " or choose another platform";
    }
    if (!others.empty()) {
        return start + ", and there is only " + joined(others, ", ") + repository_.pinned_text(needed.name) +
               "; add that version to the module repository or widen the range";
    }
    return start + ", and no module is named so or provides it" + repository_.pinned_text(needed.name) +
           "; add that module to the module repository or drop " + by;
}

std::string Explanation::conflict(const Module& by, const Module& other, const Dependency& against) const
{
    return "module " + because(by.name) + " conflicts with " + because(other.name) +
           (other.name == against.name ? "" : ", which provides " + against.name) +
           (against.bounds.empty() ? "" : " (" + to_string(against) + ")") +
           "; an image cannot have both: leave one of them out";
}

std::string Explanation::sentence(const Obstacle& obstacle) const
{
    if (obstacle.kind == Obstacle::Kind::wanted) {
        const auto asked = wanted_.find(obstacle.dependency.name);
        const std::vector<std::string> sources =
            asked == wanted_.end()
                ? std::vector<std::string>{}
                : std::vector<std::string>(asked->second.sources.begin(), asked->second.sources.end());
        return joined(sources, " and ") + " asks for " + to_string(obstacle.dependency);
    }
    const Module& module = *candidates_.at(obstacle.package);
    switch (obstacle.kind) {
    case Obstacle::Kind::nothing_provides:
        return missing("module " + because(module.name) + " requires " + to_string(obstacle.dependency),
                       obstacle.dependency, module.name);
    case Obstacle::Kind::conflict:
        return conflict(module, *candidates_.at(obstacle.other), obstacle.dependency);
    case Obstacle::Kind::one_version:
        return "an image has one version of a module, not both " + versioned(module) + " and " +
               versioned(*candidates_.at(obstacle.other));
    case Obstacle::Kind::required:
    case Obstacle::Kind::wanted:
        break;
    }
    return "module " + because(module.name) + " requires " + to_string(obstacle.dependency);
}

std::string Explanation::of(const solver::Obstacles& obstacles) const
{
    // One of these is the whole story when nothing else could have been chosen instead.
    std::vector<std::string> decisive;
    std::vector<std::string> all;
    for (const Obstacle& obstacle : obstacles) {
        const std::string text = sentence(obstacle);
        if (obstacle.kind == Obstacle::Kind::conflict || obstacle.kind == Obstacle::Kind::nothing_provides) {
            decisive.push_back(text);
        }
        if (std::find(all.begin(), all.end(), text) == all.end()) {
            all.push_back(text);
        }
    }
    if (decisive.size() == 1) {
        return decisive.front();
    }
    std::sort(all.begin(), all.end());
    const std::size_t left_out = all.size() - std::min(all.size(), sentences_most);
    all.resize(all.size() - left_out);
    return "these cannot all be had: " + joined(all, "; ") +
           (left_out == 0 ? "" : "; and " + std::to_string(left_out) + " more reasons");
}

std::string Explanation::ambiguous(const Module& by, const Dependency& needed) const
{
    std::set<std::string> names;
    for (const ModulePtr& candidate : candidates_) {
        if (candidate->satisfies(needed)) {
            names.insert(candidate->name);
        }
    }
    return "module " + because(by.name) + " requires " + to_string(needed) +
           ", which several provide: " + joined({names.begin(), names.end()}, ", ") +
           "; name one of them in spec.modules";
}

}  // namespace unikernel
