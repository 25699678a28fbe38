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
        for (const ModulePtr& m : repository.all()) {
            if (random() % 4 == 0) {
                Insert(roots, m->name, "spec");
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

Module versioned(const std::string& name, const std::string& version,
                 const std::vector<std::string>& required = {})
{
    Module m = module(name);
    m.version = version;
    for (const std::string& each : required) {
        m.required.insert(*parse_dependency(each));
    }
    return m;
}

WantedModules ranged(const std::string& dependency, const std::string& source = "spec")
{
    WantedModules result;
    Insert(result, *parse_dependency(dependency), source);
    return result;
}

std::string versions(const Result<std::vector<ModulePtr>>& resolved)
{
    std::string text = resolved ? "" : resolved.error().message;
    for (const ModulePtr& m : resolved.value_or(std::vector<ModulePtr>{})) {
        text += (text.empty() ? "" : ", ") + m->name + " " + m->version;
    }
    return text;
}

TEST(Versions, the_newest_that_every_range_admits_is_chosen)
{
    const Repository repository = test::repository(
        {versioned("tcp", "1.9.0"), versioned("tcp", "1.10.0"), versioned("tcp", "2.0.0"),
         versioned("web", "1.0.0", {"tcp < 2"}), versioned("api", "1.0.0", {"tcp >= 1.9.5"})});
    EXPECT_EQ(versions(resolve(repository, "u0", wanted({"tcp"}))), "tcp 2.0.0");
    EXPECT_EQ(versions(resolve(repository, "u0", wanted({"web"}))), "tcp 1.10.0, web 1.0.0");
    EXPECT_EQ(versions(resolve(repository, "u0", wanted({"web", "api"}))),
              "tcp 1.10.0, api 1.0.0, web 1.0.0");
    EXPECT_EQ(versions(resolve(repository, "u0", ranged("tcp >= 1.9, < 1.10"))), "tcp 1.9.0");
}

TEST(Versions, an_older_one_is_chosen_where_the_newest_cannot_be)
{
    const Repository repository =
        test::repository({versioned("web", "2.0.0", {"quic"}), versioned("web", "1.0.0")});
    EXPECT_EQ(versions(resolve(repository, "u0", wanted({"web"}))), "web 1.0.0");
}

TEST(Versions, the_repository_of_the_higher_priority_wins_over_a_newer_version)
{
    Module ours = versioned("tcp", "1.0.0");
    ours.priority = 10;
    const Repository repository = test::repository({versioned("tcp", "2.0.0"), ours});
    EXPECT_EQ(repository.find("tcp")->version, "1.0.0");
    EXPECT_EQ(versions(resolve(repository, "u0", wanted({"tcp"}))), "tcp 1.0.0");
    EXPECT_EQ(versions(resolve(repository, "u0", ranged("tcp >= 2"))), "tcp 2.0.0");
}

TEST(Versions, of_virtual_names_count_as_well)
{
    Module old_tls = versioned("tls-one", "9.0.0");
    old_tls.provides["tls"] = "1.2.0";
    Module new_tls = versioned("tls-two", "1.0.0");
    new_tls.provides["tls"] = "1.3.0";
    const Repository repository =
        test::repository({old_tls, new_tls, versioned("web", "1.0.0", {"tls >= 1.3"})});
    EXPECT_EQ(versions(resolve(repository, "u0", wanted({"web"}))), "tls-two 1.0.0, web 1.0.0");
}

TEST(Versions, what_cannot_be_is_told_with_the_versions_there_are)
{
    const Repository repository = test::repository(
        {versioned("tcp", "1.0.0"), versioned("tcp", "2.0.0"), versioned("web", "1.0.0", {"tcp >= 3"}),
         versioned("a", "1.0.0", {"tcp < 2"}), versioned("b", "1.0.0", {"tcp >= 2"})});
    EXPECT_EQ(versions(resolve(repository, "u0", wanted({"web"}))),
              "module web (asked for by spec) requires tcp >= 3, and there is only tcp 2.0.0, tcp 1.0.0; add "
              "that version to the module repository or widen the range");
    EXPECT_EQ(versions(resolve(repository, "u0", ranged("tcp >= 3", "requirements.new"))),
              "module tcp (asked for by requirements.new): no version is tcp >= 3; there are 2.0.0, 1.0.0");
    EXPECT_EQ(
        versions(resolve(repository, "u0", wanted({"a", "b"}))),
        "these cannot all be had: an image has one version of a module, not both tcp 1.0.0 and tcp "
        "2.0.0; module a (asked for by spec) requires tcp < 2; module b (asked for by spec) requires tcp "
        ">= 2; spec asks for a; spec asks for b");
}

TEST(Versions, a_module_that_is_only_there_for_another_platform_is_named)
{
    Module elsewhere = module("ocaml-tls", {}, {}, {"tls"});
    elsewhere.platforms = {{"mirage", {}}};
    EXPECT_EQ(
        versions(resolve(test::repository({elsewhere, module("web", {"tls"})}), "u0", wanted({"web"}))),
        "module web (asked for by spec) requires tls, which cannot be installed here: ocaml-tls 1.0.0 is "
        "for mirage; drop web or choose another platform");
}

TEST(Locks, a_rebuild_chooses_what_was_chosen_though_there_is_something_newer)
{
    const std::vector<Module> then{versioned("tcp", "1.0.0"), versioned("web", "1.0.0", {"tcp"})};
    const auto chosen = resolve(test::repository(then), "u0", wanted({"web"}));
    ASSERT_TRUE(chosen);
    Lock lock;
    for (const ModulePtr& m : *chosen) {
        lock[m->name] = m->version;
    }
    std::vector<Module> now = then;
    now.push_back(versioned("tcp", "1.1.0"));
    now.push_back(versioned("web", "2.0.0", {"quic"}));
    now.push_back(versioned("quic", "1.0.0"));
    const Repository repository = test::repository(now);
    EXPECT_EQ(versions(resolve(repository, "u0", wanted({"web"}))), "quic 1.0.0, web 2.0.0");
    EXPECT_EQ(versions(resolve(repository, "u0", wanted({"web"}), lock)), "tcp 1.0.0, web 1.0.0");
    EXPECT_EQ(
        versions(resolve(repository, "u0", wanted({"web", "quic"}), lock)),
        "module quic (asked for by spec): spec.lock does not have it; leave the lock out to choose anew");
    EXPECT_EQ(
        versions(resolve(repository, "u0", ranged("web >= 2"), lock)),
        "module web (asked for by spec): no version is web >= 2 and as spec.lock says, 1.0.0; there are "
        "2.0.0, 1.0.0");
}

Module from(const std::string& repository, int priority, Module m)
{
    m.repository = repository;
    m.priority = priority;
    return m;
}

std::string origins(const Result<std::vector<ModulePtr>>& resolved)
{
    std::string text = resolved ? "" : resolved.error().message;
    for (const ModulePtr& m : resolved.value_or(std::vector<ModulePtr>{})) {
        text += (text.empty() ? "" : ", ") + m->name + " " + m->version + "@" + m->repository;
    }
    return text;
}

TEST(Repositories, of_one_version_in_two_the_higher_priority_wins)
{
    const Repository repository = test::repository(
        {from("builtin", 0, versioned("tcp", "1.0.0")), from("acme", 100, versioned("tcp", "1.0.0"))});
    EXPECT_EQ(origins(resolve(repository, "u0", wanted({"tcp"}))), "tcp 1.0.0@acme");
}

TEST(Repositories, one_version_in_two_of_equal_priority_is_an_error_that_names_both)
{
    Repository repository = test::repository({from("acme", 100, versioned("tcp", "1.0.0"))});
    const Repository other = test::repository(
        {from("bob", 100, versioned("ntp", "1.0.0")), from("bob", 100, versioned("tcp", "1.0.0"))});
    const auto added = repository.add_all(other);
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().kind, FailureKind::conflict);
    EXPECT_EQ(
        added.error().message,
        "two modules are named tcp and have version 1.0.0, one of repository acme and one of repository "
        "bob, which have the same priority, 100; give one of them another");
    EXPECT_FALSE(repository.find("ntp")) << "a part of it was added";
}

TEST(Repositories, what_cannot_be_installed_of_the_higher_one_is_not_taken_from_the_lower)
{
    Module elsewhere = from("acme", 100, versioned("tcp", "1.0.0"));
    elsewhere.platforms = {{"mirage", {}}};
    const Repository repository =
        test::repository({from("builtin", 0, versioned("tcp", "1.0.0")), elsewhere, module("web", {"tcp"})});
    EXPECT_EQ(origins(resolve(repository, "u0", wanted({"web"}))),
              "module web (asked for by spec) requires tcp, which cannot be installed here: tcp 1.0.0 of "
              "repository acme is for mirage; drop web or choose another platform");
}

TEST(Repositories, a_lock_may_say_from_which)
{
    const Repository repository = test::repository(
        {from("builtin", 0, versioned("tcp", "1.0.0")), from("acme", 100, versioned("tcp", "1.0.0"))});
    EXPECT_EQ(origins(resolve(repository, "u0", wanted({"tcp"}), {{"tcp", "1.0.0@builtin"}})),
              "tcp 1.0.0@builtin");
    EXPECT_EQ(origins(resolve(repository, "u0", wanted({"tcp"}), {{"tcp", "1.0.0"}})), "tcp 1.0.0@acme");
    EXPECT_EQ(origins(resolve(repository, "u0", wanted({"tcp"}), {{"tcp", "1.0.0@bob"}})),
              "module tcp (asked for by spec): no version is tcp and as spec.lock says, 1.0.0@bob; there are "
              "1.0.0 of repository acme, 1.0.0");
}

TEST(Pins, leave_one_version_to_choose_and_are_told)
{
    Repository repository = test::repository(
        {versioned("tcp", "2.0.0"), versioned("tcp", "1.0.0"), versioned("web", "1.0.0", {"tcp >= 2"})});
    repository.pin("tcp", "1.0.0");
    EXPECT_EQ(versions(resolve(repository, "u0", wanted({"tcp"}))), "tcp 1.0.0");
    EXPECT_EQ(repository.find("tcp")->version, "1.0.0");
    EXPECT_EQ(versions(resolve(repository, "u0", wanted({"web"}))),
              "module web (asked for by spec) requires tcp >= 2, and there is only tcp 1.0.0; [pins] tcp = "
              "1.0.0 leaves out 2.0.0; add that version to the module repository or widen the range");
    EXPECT_EQ(versions(resolve(repository, "u0", ranged("tcp >= 2"))),
              "module tcp (asked for by spec): no version is tcp >= 2; there are 1.0.0; [pins] tcp = 1.0.0 "
              "leaves out 2.0.0");
    Repository none = test::repository({versioned("tcp", "2.0.0"), versioned("web", "1.0.0", {"tcp"})});
    none.pin("tcp", "1.0.0");
    EXPECT_EQ(versions(resolve(none, "u0", wanted({"tcp"}))),
              "module tcp (asked for by spec): there is no such module; [pins] tcp = 1.0.0 leaves out 2.0.0");
    EXPECT_EQ(versions(resolve(none, "u0", wanted({"web"}))),
              "module web (asked for by spec) requires tcp, and no module is named so or provides it; [pins] "
              "tcp = 1.0.0 leaves out 2.0.0; add that module to the module repository or drop web");
}

Repository without(const LostRepository& lost)
{
    Module nic = from("builtin", 0, module("nic", {}, {}, {"network-device"}));
    Repository repository =
        test::repository({nic, from("builtin", 0, module("tcp", {"network-device"})),
                          from("builtin", 0, module("alone")), from("builtin", 0, versioned("web", "1.0.0")),
                          from("builtin", 0, versioned("web", "2.0.0", {"quic"}))});
    repository.lose(lost);
    return repository;
}

TEST(LostRepositories, keep_everything_from_being_resolved_that_they_might_decide)
{
    const auto refused = resolve(without({"acme", "it is away", {}}), "u0", wanted({"alone"}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, FailureKind::unavailable);
    EXPECT_EQ(refused.error().message,
              "repository acme cannot be used: it is away; no image is made for which it might have alone, "
              "because another module could take its place unnoticed");
}

TEST(LostRepositories, that_may_have_few_names_are_in_nobody_elses_way)
{
    const auto message = [](const std::string& lost, const std::string& asked) {
        return origins(resolve(without({"acme", "away", {lost}}), "u0", wanted({asked})));
    };
    EXPECT_EQ(message("network-device", "alone"), "alone 1.0.0@builtin");
    EXPECT_EQ(message("network-device", "tcp").substr(0, 56),
              "repository acme cannot be used: away; no image is made f");
    EXPECT_NE(message("nic", "tcp").find("might have nic,"), std::string::npos) << "a provider's own name";
    // Without quic version 1.0.0 would be chosen in silence.
    EXPECT_NE(message("quic", "web").find("might have quic,"), std::string::npos);
}

TEST(LostRepositories, do_not_matter_where_a_lock_or_a_pin_names_another_origin)
{
    Repository repository = without({"acme", "away", {}});
    EXPECT_EQ(origins(resolve(repository, "u0", wanted({"alone"}), {{"alone", "1.0.0@builtin"}})),
              "alone 1.0.0@builtin");
    EXPECT_FALSE(resolve(repository, "u0", wanted({"alone"}), {{"alone", "1.0.0"}}));
    EXPECT_FALSE(resolve(repository, "u0", wanted({"alone"}), {{"alone", "1.0.0@acme"}}));
    repository.pin("alone", "1.0.0@builtin");
    EXPECT_EQ(origins(resolve(repository, "u0", wanted({"alone"}))), "alone 1.0.0@builtin");
}

TEST(LostRepositories, may_have_what_nobody_else_knows)
{
    std::vector<std::string> skipped;
    ImageSpec spec;
    spec.modules = wanted({"firewall"});
    const auto merged = merge(without({"acme", "it is away", {}}), spec, {}, skipped);
    ASSERT_FALSE(merged);
    EXPECT_EQ(merged.error().kind, FailureKind::unavailable);
    EXPECT_EQ(
        merged.error().message,
        "spec.modules.firewall: there is no such module, unless repository acme has it, which cannot be "
        "used: it is away");
    EXPECT_EQ(merge(without({"acme", "it is away", {"other"}}), spec, {}, skipped).error().kind,
              FailureKind::invalid);
}

}  // namespace
}  // namespace unikernel
