// SPDX-License-Identifier: Apache-2.0
// Properties named by the equations of the paper's section IV.A, over random repositories and images.
#include <gtest/gtest.h>

#include <algorithm>

#include <rapidcheck/gtest.h>

#include "arbitrary.hh"
#include "common/model/image.hh"
#include "model_fixture.hh"

namespace unikernel
{
namespace
{

bool includes(const std::set<std::string>& all, const std::set<std::string>& part)
{
    return std::includes(all.begin(), all.end(), part.begin(), part.end());
}

/// A random repository, an image u of U made from it, and a module m of M.
struct Sample {
    Repository repository;
    Image u;
    ModulePtr m;
};

Sample sample(bool virtual_names = true)
{
    const auto sketch = *test::sketches(12, 1, virtual_names);
    Sample s;
    s.repository = test::repository(test::modules_of(sketch));
    s.u = test::image_of(sketch, s.repository);
    s.m = test::pick(s.repository, sketch.one);
    return s;
}

RC_GTEST_PROP(Equation1, install_inserts_the_module_and_leaves_the_argument_alone, ())
{
    const auto [repository, u, m] = sample();
    const std::set<std::string> before = Modules(u);
    const Image after = Install(u, m);
    RC_ASSERT(Modules(after).contains(m->name));
    RC_ASSERT(Modules(u) == before);
}

RC_GTEST_PROP(Equation2, configure_meets_the_option_and_changes_no_other, ())
{
    const auto [repository, u, m] = sample();
    const Image installed = Install(u, m);
    for (const auto& [name, option] : m->options) {
        const Condition c{name, *rc::gen::inRange<std::int64_t>(0, 1000)};
        const Result<Image> configured = Configure(installed, m, c);
        RC_ASSERT(configured.has_value());
        RC_ASSERT(Configuration(*configured, m).contains(c));
        RC_ASSERT(Modules(*configured) == Modules(installed));
        for (const ModulePtr& other : installed.installed()) {
            for (const Condition& old : Configuration(installed, other)) {
                if (other != m || old.option != name) {
                    RC_ASSERT(Configuration(*configured, other).contains(old));
                }
            }
        }
    }
}

TEST(Equation2, configure_is_only_defined_for_installed_modules_and_their_own_options)
{
    Module source = test::module("m");
    source.options["o"] = test::integer(1, 0, 9);
    const auto m = std::make_shared<const Module>(source);
    EXPECT_EQ(Configure(Image(), m, {"o", 2}).error().message,
              "m: is not installed, so it cannot be configured");
    const Image u = Install(Image(), m);
    EXPECT_EQ(Configure(u, m, {"p", 2}).error().message, "m.p: no such option");
    EXPECT_EQ(Configure(u, m, {"o", 10}).error().message, "m.o: 10 is over the maximum 9");
}

RC_GTEST_PROP(Equation3, modules_are_exactly_those_that_were_installed, ())
{
    const auto [repository, u, m] = sample();
    std::set<std::string> expected = Modules(u);
    expected.insert(m->name);
    RC_ASSERT(Modules(Install(u, m)) == expected);
    RC_ASSERT(Modules(u).size() == u.installed().size());
}

RC_GTEST_PROP(Equation4, configuration_of_a_fresh_module_is_its_defaults_and_of_an_absent_one_is_empty, ())
{
    const auto [repository, u, m] = sample();
    if (Modules(u).contains(m->name)) {
        return;
    }
    RC_ASSERT(Configuration(u, m).empty());
    std::set<Condition> defaults;
    for (const auto& [name, option] : m->options) {
        defaults.insert({name, *option.initial});
    }
    RC_ASSERT(Configuration(Install(u, m), m) == defaults);
}

RC_GTEST_PROP(Equation5, installing_removes_nothing_and_installing_again_changes_nothing, ())
{
    const auto [repository, u, m] = sample();
    const Image once = Install(u, m);
    RC_ASSERT(includes(Modules(once), Modules(u)));
    RC_ASSERT(Modules(u).contains(m->name) == (Modules(once) == Modules(u)));
    const Image twice = Install(once, m);
    RC_ASSERT(Modules(twice) == Modules(once));
    for (const ModulePtr& other : once.installed()) {
        RC_ASSERT(Configuration(twice, other) == Configuration(once, other));
    }
}

TEST(Equation5, installing_again_keeps_what_was_configured)
{
    Module source = test::module("m");
    source.options["o"] = test::integer(1);
    const auto m = std::make_shared<const Module>(source);
    const Image u = *Configure(Install(Image(), m), m, {"o", 7});
    EXPECT_EQ(Configuration(Install(u, m), m), (std::set<Condition>{{"o", 7}}));
}

RC_GTEST_PROP(Equation6, configuring_can_end_what_held_before, ())
{
    const auto [repository, u, m] = sample();
    const Image installed = Install(u, m);
    for (const auto& [name, option] : m->options) {
        const Condition old{name, installed.values(m->name).at(name)};
        const Condition changed{name, (old.value.get<int>() + 1) % 100};
        const std::set<Condition> after = Configuration(*Configure(installed, m, changed), m);
        RC_ASSERT_FALSE(after.contains(old));  // so Configuration(u, m) is no subset of it
    }
}

TEST(Equation7, the_minimal_image_has_no_module)
{
    EXPECT_TRUE(Modules(Image()).empty());
}

std::set<std::string> names(const std::set<Dependency>& dependencies)
{
    std::set<std::string> set;
    for (const Dependency& each : dependencies) {
        set.insert(each.name);
    }
    return set;
}

bool disjoint(const std::set<std::string>& a, const std::set<std::string>& b)
{
    return std::none_of(a.begin(), a.end(), [&](const std::string& each) { return b.contains(each); });
}

/// Without virtual names and versions this is the equation word for word.
RC_GTEST_PROP(Equation8, installable_means_all_required_are_there_and_none_conflicting, ())
{
    const auto [repository, u, m] = sample(false);
    RC_PRE(!u.has(m->name));
    RC_ASSERT(IsInstallable(u, m) ==
              (includes(Modules(u), names(Requires(m))) && disjoint(Modules(u), names(Conflicts(m)))));
}

/// The refinement: Modules(u) then also holds what the modules in it provide.
RC_GTEST_PROP(Equation8, holds_with_virtual_names_for_the_modules_and_what_they_provide, ())
{
    const auto [repository, u, m] = sample(true);
    RC_PRE(!u.has(m->name));
    std::set<std::string> there = Modules(u);
    for (const ModulePtr& installed : u.installed()) {
        for (const auto& [name, version] : installed->provides) {
            there.insert(name);
        }
    }
    RC_ASSERT(IsInstallable(u, m) ==
              (includes(there, names(Requires(m))) && disjoint(there, names(Conflicts(m)))));
}

TEST(Equation8, a_virtual_name_counts_as_the_module_that_provides_it)
{
    const auto nic = std::make_shared<const Module>(test::module("virtio-net", {}, {}, {"network-device"}));
    const auto stack = std::make_shared<const Module>(test::module("lwip", {"network-device"}));
    const auto offline = std::make_shared<const Module>(test::module("offline", {}, {"network-device"}));
    EXPECT_FALSE(IsInstallable(Image(), stack));
    EXPECT_TRUE(IsInstallable(Install(Image(), nic), stack));
    EXPECT_TRUE(IsInstallable(Image(), offline));
    EXPECT_FALSE(IsInstallable(Install(Image(), nic), offline));
}

}  // namespace
}  // namespace unikernel
