// SPDX-License-Identifier: Apache-2.0
// The resolver against an oracle that tries every set of modules of a small repository.
#include <gtest/gtest.h>

#include <algorithm>

#include <rapidcheck/gtest.h>

#include "arbitrary.hh"
#include "common/model/generation.hh"
#include "common/model/resolution.hh"

namespace unikernel
{
namespace
{

using Set = std::vector<ModulePtr>;

std::set<std::string> names(const Set& modules)
{
    std::set<std::string> set;
    for (const ModulePtr& m : modules) {
        set.insert(m->name);
    }
    return set;
}

bool satisfied(const Set& set, const Dependency& needed, const ModulePtr& except = nullptr)
{
    return std::any_of(set.begin(), set.end(),
                       [&](const ModulePtr& m) { return m != except && m->satisfies(needed); });
}

/// Holds what is wanted, one version of a name, all that is required, and nothing in conflict.
bool is_solution(const Set& set, const WantedModules& wanted)
{
    return names(set).size() == set.size() &&
           std::all_of(wanted.begin(), wanted.end(),
                       [&](const auto& root) { return names(set).contains(root.first); }) &&
           std::all_of(set.begin(), set.end(), [&](const ModulePtr& m) {
               return std::all_of(Requires(m).begin(), Requires(m).end(),
                                  [&](const Dependency& each) { return satisfied(set, each); }) &&
                      std::none_of(Conflicts(m).begin(), Conflicts(m).end(),
                                   [&](const Dependency& each) { return satisfied(set, each, m); });
           });
}

/// Every solution of which no part is a solution.
std::vector<Set> minimal_solutions(const Repository& repository, const WantedModules& wanted)
{
    const auto all = repository.all();
    std::vector<unsigned> found;
    std::vector<Set> sets;
    // A part of a set has a smaller number, so the smaller ones are found first.
    for (unsigned bits = 0; bits < 1U << all.size(); ++bits) {
        if (std::any_of(found.begin(), found.end(), [&](unsigned part) { return (part & bits) == part; })) {
            continue;
        }
        Set set;
        for (std::size_t i = 0; i < all.size(); ++i) {
            if ((bits >> i & 1U) != 0) {
                set.push_back(all[i]);
            }
        }
        if (is_solution(set, wanted)) {
            found.push_back(bits);
            sets.push_back(set);
        }
    }
    return sets;
}

bool equal_sets(Set a, Set b)
{
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    return a == b;
}

/// Whether it can be put in an order in which IsInstallable holds for each.
bool has_order(const Set& set)
{
    Image u;
    for (bool progress = true; progress;) {
        progress = false;
        for (const ModulePtr& m : set) {
            if (!u.has(m->name) && IsInstallable(u, m)) {
                u = Install(u, m);
                progress = true;
            }
        }
    }
    return u.installed().size() == set.size();
}

void compare_with_oracle(const test::Sketch& sketch)
{
    const Repository repository = test::repository(test::modules_of(sketch));
    WantedModules wanted;
    for (const int each : sketch.chosen) {
        Insert(wanted, test::pick(repository, each)->name, "spec");
    }
    const std::vector<Set> solutions = minimal_solutions(repository, wanted);
    const auto resolved = resolve(repository, "u0", wanted);
    if (resolved) {
        RC_ASSERT(std::any_of(solutions.begin(), solutions.end(),
                              [&](const Set& each) { return equal_sets(each, *resolved); }));
        RC_ASSERT(Generate(wanted, *resolved).has_value());
        RC_TAG("resolved");
        return;
    }
    RC_ASSERT(resolved.error().kind == FailureKind::unresolvable);
    const std::string& why = resolved.error().message;
    if (solutions.empty()) {
        RC_TAG("impossible");
        RC_ASSERT(why.find("several provide") == std::string::npos);
    } else if (why.find("several provide") != std::string::npos) {
        RC_TAG("ambiguous");
        const auto first = names(solutions.front());
        RC_ASSERT(std::any_of(solutions.begin(), solutions.end(),
                              [&](const Set& each) { return names(each) != first; }));
    } else {
        RC_TAG("circular");
        RC_LOG() << why;
        RC_ASSERT(std::any_of(solutions.begin(), solutions.end(),
                              [](const Set& each) { return !has_order(each); }));
    }
}

RC_GTEST_PROP(Oracle, agrees_on_names_requirements_and_conflicts, ())
{
    compare_with_oracle(*test::sketches(9));
}

RC_GTEST_PROP(Oracle, agrees_on_virtual_names, ())
{
    compare_with_oracle(*test::sketches(9, 1, true));
}

RC_GTEST_PROP(Oracle, agrees_on_versions_and_ranges, ())
{
    compare_with_oracle(*test::sketches(9, 2));
}

RC_GTEST_PROP(Oracle, agrees_on_all_of_it_together, ())
{
    compare_with_oracle(*test::sketches(9, 3, true));
}

RC_GTEST_PROP(Resolution, does_not_depend_on_the_order_in_which_modules_were_added, ())
{
    const auto sketch = *test::sketches(12, 2, true);
    auto modules = test::modules_of(sketch);
    const Repository one = test::repository(modules);
    std::reverse(modules.begin(), modules.end());
    const Repository other = test::repository(modules);
    WantedModules wanted;
    for (const int each : sketch.chosen) {
        Insert(wanted, test::pick(one, each)->name, "spec");
    }
    const auto identity = [](const Result<Set>& resolved) {
        std::string text = resolved ? "" : resolved.error().message;
        for (const ModulePtr& m : resolved.value_or(Set{})) {
            text += m->name + " " + m->version + ",";
        }
        return text;
    };
    RC_ASSERT(identity(resolve(one, "u0", wanted)) == identity(resolve(other, "u0", wanted)));
}

}  // namespace
}  // namespace unikernel
