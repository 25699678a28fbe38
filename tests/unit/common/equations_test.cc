// SPDX-License-Identifier: Apache-2.0
// One test for each equation of the paper's section IV.A, over random repositories and images.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "common/model/image.hh"
#include "model_fixture.hh"

namespace unikernel
{
namespace
{

using test::seed;

bool includes(const std::set<std::string>& all, const std::set<std::string>& part)
{
    return std::includes(all.begin(), all.end(), part.begin(), part.end());
}

/// Calls `property` for 300 random images: any modules in any order, installable or not, since equations 1
/// to 7 hold for all of U.
void for_random_images(
    const std::function<void(const Repository&, const Image&, const ModulePtr&, std::mt19937&)>& property)
{
    std::mt19937 random(seed);
    for (int round = 0; round < 300; ++round) {
        SCOPED_TRACE("seed " + std::to_string(seed) + ", round " + std::to_string(round));
        const Repository repository = test::random_repository(random);
        std::vector<ModulePtr> all;
        for (const auto& [name, m] : repository.all()) {
            all.push_back(m);
        }
        std::shuffle(all.begin(), all.end(), random);
        Image u;
        for (std::size_t i = random() % (all.size() + 1); i > 0; --i) {
            u = Install(u, all[i - 1]);
        }
        property(repository, u, all[random() % all.size()], random);
    }
}

TEST(Equation1, install_inserts_the_module_and_leaves_the_argument_alone)
{
    for_random_images([](const Repository&, const Image& u, const ModulePtr& m, std::mt19937&) {
        const std::set<std::string> before = Modules(u);
        const Image after = Install(u, m);
        EXPECT_TRUE(Modules(after).contains(m->name));
        EXPECT_EQ(Modules(u), before);
    });
}

TEST(Equation2, configure_meets_the_option_and_changes_no_other)
{
    for_random_images([](const Repository&, const Image& u, const ModulePtr& m, std::mt19937& random) {
        const Image installed = Install(u, m);
        for (const auto& [name, option] : m->options) {
            const Condition c{name, static_cast<std::int64_t>(random() % 1000)};
            const Result<Image> configured = Configure(installed, m, c);
            ASSERT_TRUE(configured) << configured.error().message;
            EXPECT_TRUE(Configuration(*configured, m).contains(c));
            EXPECT_EQ(Modules(*configured), Modules(installed));
            for (const ModulePtr& other : installed.installed()) {
                for (const Condition& old : Configuration(installed, other)) {
                    if (other != m || old.option != name) {
                        EXPECT_TRUE(Configuration(*configured, other).contains(old));
                    }
                }
            }
        }
    });
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

TEST(Equation3, modules_are_exactly_those_that_were_installed)
{
    for_random_images([](const Repository&, const Image& u, const ModulePtr& m, std::mt19937&) {
        std::set<std::string> expected = Modules(u);
        expected.insert(m->name);
        EXPECT_EQ(Modules(Install(u, m)), expected);
        EXPECT_EQ(Modules(u).size(), u.installed().size());
    });
}

TEST(Equation4, configuration_of_a_fresh_module_is_its_defaults_and_of_an_absent_one_is_empty)
{
    for_random_images([](const Repository&, const Image& u, const ModulePtr& m, std::mt19937&) {
        if (Modules(u).contains(m->name)) {
            return;
        }
        EXPECT_TRUE(Configuration(u, m).empty());
        std::set<Condition> defaults;
        for (const auto& [name, option] : m->options) {
            defaults.insert({name, *option.initial});
        }
        EXPECT_EQ(Configuration(Install(u, m), m), defaults);
    });
}

TEST(Equation5, installing_removes_nothing_and_installing_again_changes_nothing)
{
    for_random_images([](const Repository&, const Image& u, const ModulePtr& m, std::mt19937&) {
        const Image once = Install(u, m);
        EXPECT_TRUE(includes(Modules(once), Modules(u)));
        EXPECT_EQ(Modules(u).contains(m->name), Modules(once) == Modules(u));
        const Image twice = Install(once, m);
        EXPECT_EQ(Modules(twice), Modules(once));
        for (const ModulePtr& other : once.installed()) {
            EXPECT_EQ(Configuration(twice, other), Configuration(once, other));
        }
    });
}

TEST(Equation5, installing_again_keeps_what_was_configured)
{
    Module source = test::module("m");
    source.options["o"] = test::integer(1);
    const auto m = std::make_shared<const Module>(source);
    const Image u = *Configure(Install(Image(), m), m, {"o", 7});
    EXPECT_EQ(Configuration(Install(u, m), m), (std::set<Condition>{{"o", 7}}));
}

TEST(Equation6, configuring_can_end_what_held_before)
{
    for_random_images([](const Repository&, const Image& u, const ModulePtr& m, std::mt19937&) {
        const Image installed = Install(u, m);
        for (const auto& [name, option] : m->options) {
            const Condition old{name, installed.values(m->name).at(name)};
            const Condition changed{name, (old.value.get<int>() + 1) % 100};
            const std::set<Condition> after = Configuration(*Configure(installed, m, changed), m);
            EXPECT_FALSE(after.contains(old));  // so Configuration(u, m) is no subset of it
        }
    });
}

TEST(Equation7, the_minimal_image_has_no_module)
{
    EXPECT_TRUE(Modules(Image()).empty());
}

TEST(Equation8, installable_means_all_required_are_there_and_none_conflicting)
{
    for_random_images([](const Repository&, const Image& u, const ModulePtr& m, std::mt19937&) {
        if (u.has(m->name)) {
            return;
        }
        // Without virtual names in requires() and conflicts() this is the equation word for word.
        std::set<std::string> both;
        const std::set<std::string> modules = Modules(u);
        std::set_intersection(modules.begin(), modules.end(), Conflicts(m).begin(), Conflicts(m).end(),
                              std::inserter(both, both.end()));
        EXPECT_EQ(IsInstallable(u, m), includes(modules, Requires(m)) && both.empty());
    });
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
