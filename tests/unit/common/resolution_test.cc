// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "common/model/generation.hh"
#include "common/model/resolution.hh"
#include "model_fixture.hh"

namespace unikernel
{
namespace
{

WantedModules wanted(const std::vector<std::string>& names, const std::string& source = "spec")
{
    WantedModules result;
    for (const std::string& name : names) {
        Insert(result, name, source);
    }
    return result;
}

std::vector<std::string> names(const std::vector<ModulePtr>& order)
{
    std::vector<std::string> list;
    for (const ModulePtr& m : order) {
        list.push_back(m->name);
    }
    return list;
}

using test::module;

TEST(Resolution, puts_what_is_required_first_and_otherwise_follows_names)
{
    const Repository repository = test::repository({module("web", {"tcp"}), module("tcp", {"nic", "clock"}),
                                                    module("nic"), module("clock"), module("alone")});
    EXPECT_EQ(names(*resolve(repository, "u0", wanted({"web"}))),
              (std::vector<std::string>{"clock", "nic", "tcp", "web"}));
}

TEST(Resolution, every_result_is_closed_installable_in_order_and_depends_on_the_set_alone)
{
    std::mt19937 random(test::seed);
    int resolved = 0;
    for (int round = 0; round < 500; ++round) {
        SCOPED_TRACE("seed " + std::to_string(test::seed) + ", round " + std::to_string(round));
        const Repository repository = test::random_repository(random);
        WantedModules roots;
        for (const auto& [name, m] : repository.all()) {
            if (random() % 4 == 0) {
                Insert(roots, name, "spec");
            }
        }
        const Result<std::vector<ModulePtr>> order = resolve(repository, "u0", roots);
        if (!order) {
            EXPECT_EQ(order.error().kind, FailureKind::unresolvable);
            EXPECT_FALSE(order.error().message.empty());
            continue;
        }
        ++resolved;
        const Result<Image> u = Generate(roots, *order);
        ASSERT_TRUE(u) << u.error().message;
        for (const auto& [name, asked] : roots) {
            EXPECT_TRUE(u->has(name));
        }
    }
    EXPECT_GT(resolved, 100) << "the property was hardly tried";
}

TEST(Resolution, takes_the_wanted_provider_of_a_virtual_name_and_else_the_only_one)
{
    const Repository repository =
        test::repository({module("stack", {"network-device"}), module("a-nic", {}, {}, {"network-device"}),
                          module("b-nic", {}, {}, {"network-device"}), module("fs", {"disk"}),
                          module("virtio-blk", {}, {}, {"disk"})});
    EXPECT_EQ(names(*resolve(repository, "u0", wanted({"stack", "b-nic"}))),
              (std::vector<std::string>{"b-nic", "stack"}));
    EXPECT_EQ(names(*resolve(repository, "u0", wanted({"fs"}))),
              (std::vector<std::string>{"virtio-blk", "fs"}));
    EXPECT_EQ(
        resolve(repository, "u0", wanted({"stack"})).error().message,
        "module stack (asked for by spec) requires network-device, which several provide: a-nic, b-nic; name "
        "one of them in spec.modules");
}

TEST(Resolution, a_later_choice_may_settle_a_virtual_name)
{
    // "a" needs a network device; only through "z" is it known which.
    const Repository repository = test::repository(
        {module("a", {"network-device", "z"}), module("z", {"b-nic"}),
         module("a-nic", {}, {}, {"network-device"}), module("b-nic", {}, {}, {"network-device"})});
    EXPECT_EQ(names(*resolve(repository, "u0", wanted({"a"}))),
              (std::vector<std::string>{"b-nic", "z", "a"}));
}

TEST(Resolution, says_who_needs_what_is_missing)
{
    const Repository repository = test::repository({module("web", {"tcp"}), module("tcp", {"nic"})});
    const auto result = resolve(repository, "u0", wanted({"web"}, "requirements.tier"));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, FailureKind::unresolvable);
    EXPECT_EQ(result.error().message, "module tcp (required by web (asked for by requirements.tier)) "
                                      "requires nic, and no module is named so "
                                      "or provides it; add that module to the module repository or drop tcp");
}

TEST(Resolution, conflicts_count_in_both_directions)
{
    const Repository repository = test::repository({module("a", {}, {"b"}), module("b"), module("web", {"b"}),
                                                    module("x", {}, {"net"}), module("y", {}, {}, {"net"})});
    EXPECT_EQ(resolve(repository, "u0", wanted({"a", "web"})).error().message,
              "module a (asked for by spec) conflicts with b (required by web (asked for by spec)); an image "
              "cannot "
              "have both: leave one of them out");
    EXPECT_EQ(resolve(repository, "u0", wanted({"x", "y"})).error().message,
              "module x (asked for by spec) conflicts with y (asked for by spec), which provides net; an "
              "image cannot "
              "have both: leave one of them out");
}

TEST(Resolution, names_the_circle)
{
    const Repository repository =
        test::repository({module("a", {"b"}), module("b", {"c"}), module("c", {"a"})});
    EXPECT_EQ(resolve(repository, "u0", wanted({"a"})).error().message,
              "modules require each other in a circle, so none can be first: a -> b -> c -> a; one of these "
              "manifests "
              "must drop a requirement");
}

TEST(Resolution, a_module_without_a_part_for_the_platform_cannot_be_installed)
{
    Module elsewhere = module("ocaml-tls");
    elsewhere.platforms = {{"mirage", {}}};
    const Repository repository = test::repository({elsewhere});
    EXPECT_EQ(resolve(repository, "u0", wanted({"ocaml-tls"})).error().message,
              "module ocaml-tls (asked for by spec) cannot be installed on platform u0, only on mirage");
}

}  // namespace
}  // namespace unikernel
