// SPDX-License-Identifier: Apache-2.0
// Algorithm 1, lines 2 to 20.
#include <gtest/gtest.h>

#include <algorithm>

#include "common/model/generation.hh"
#include "common/model/resolution.hh"
#include "model_fixture.hh"

namespace unikernel
{
namespace
{

ImageSpec spec_with(const std::map<std::string, std::map<std::string, nlohmann::json>>& modules)
{
    ImageSpec spec;
    spec.name = "web";
    spec.labels = {{"tier", "web"}};
    for (const auto& [name, options] : modules) {
        spec.modules[name].sources = {"spec"};
        for (const auto& [option, value] : options) {
            spec.modules[name].options[option] = {{value, "spec"}};
        }
    }
    return spec;
}

SecurityRequirement requirement(const std::string& name,
                                const std::map<std::string, std::map<std::string, nlohmann::json>>& modules)
{
    SecurityRequirement result;
    result.name = name;
    result.applies_to.everything = true;
    for (const auto& [module, options] : modules) {
        result.modules[module].sources = {"requirements." + name};
        for (const auto& [option, value] : options) {
            result.modules[module].options[option] = {{value, "requirements." + name}};
        }
    }
    return result;
}

Repository guarded()
{
    Module sockets = test::module("sockets");
    sockets.options["backlog"] = test::integer(16, 1, 1024);
    Module guard = test::module("guard", {"sockets"});
    guard.options["port"] = test::integer(80, 1, 65535);
    guard.options["limit"] = test::integer(10);
    return test::repository({sockets, guard});
}

Result<Image> generate(const Repository& repository, const ImageSpec& spec,
                       const std::vector<SecurityRequirement>& requirements)
{
    std::vector<std::string> skipped;
    const Result<WantedModules> wanted = merge(repository, spec, requirements, skipped);
    if (!wanted) {
        return tl::unexpected(wanted.error());
    }
    const Result<std::vector<ModulePtr>> order = resolve(repository, "u0", *wanted);
    return order ? Generate(*wanted, *order) : tl::unexpected(order.error());
}

TEST(Generation, requirements_add_modules_and_options_to_the_spec)
{
    const Repository repository = guarded();
    const Result<Image> u = generate(repository, spec_with({{"sockets", {{"backlog", 32}}}}),
                                     {requirement("staff", {{"guard", {{"port", 8080}}}})});
    ASSERT_TRUE(u) << u.error().message;
    EXPECT_EQ(Modules(*u), (std::set<std::string>{"guard", "sockets"}));
    EXPECT_EQ(Configuration(*u, repository.find("guard")),
              (std::set<Condition>{{"limit", 10}, {"port", 8080}}));
    EXPECT_EQ(Configuration(*u, repository.find("sockets")), (std::set<Condition>{{"backlog", 32}}));
}

TEST(Generation, refuses_two_requirements_that_set_one_option_differently_in_either_order)
{
    const Repository repository = guarded();
    const auto a = requirement("alpha", {{"guard", {{"port", 80}}}});
    const auto b = requirement("beta", {{"guard", {{"port", 81}}}});
    for (const auto& order : {std::vector{a, b}, std::vector{b, a}}) {
        const Result<Image> u = generate(repository, spec_with({}), order);
        ASSERT_FALSE(u);
        EXPECT_EQ(u.error().kind, FailureKind::unresolvable);
        EXPECT_EQ(u.error().message,
                  "module guard, option port: requirements.alpha sets it to 80 and "
                  "requirements.beta to 81; requirements only add or tighten, so one of the two "
                  "must change");
    }
}

TEST(Generation, a_requirement_never_overrides_the_spec_in_silence)
{
    const Result<Image> u = generate(guarded(), spec_with({{"guard", {{"port", 80}}}}),
                                     {requirement("staff", {{"guard", {{"port", 443}}}})});
    ASSERT_FALSE(u);
    EXPECT_EQ(u.error().message,
              "module guard, option port: spec sets it to 80 and requirements.staff to 443; "
              "requirements only add or tighten, so one of the two must change");
}

/// Module guard is for security: who requires it counts on the default of `port`, and lets others say
/// `limit`.
Repository required_for_security()
{
    Module guard = test::module("guard");
    guard.kind = Module::Kind::security;
    guard.options["port"] = test::integer(80, 1, 65535);
    guard.options["limit"] = test::integer(10);
    guard.options["limit"].delegated = true;
    guard.options["time"] = test::integer(60);
    guard.options["time"].stricter = Option::Stricter::minimum;
    return test::repository({guard});
}

TEST(Generation, who_requires_a_module_counts_on_the_defaults_of_what_he_leaves_out)
{
    const auto staff = requirement("staff", {{"guard", {}}});
    const auto refused = generate(required_for_security(), spec_with({{"guard", {{"port", 1}}}}), {staff});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, FailureKind::unresolvable);
    EXPECT_EQ(
        refused.error().message,
        "module guard, option port: spec sets it to 1 and requirements.staff leaves it at its default 80; "
        "requirements only add or tighten, so one of the two must change");
    const auto others = generate(required_for_security(), spec_with({}),
                                 {staff, requirement("users", {{"guard", {{"port", 1}}}})});
    ASSERT_FALSE(others);
    EXPECT_EQ(
        others.error().message,
        "module guard, option port: requirements.staff leaves it at its default 80 and requirements.users "
        "sets it to 1; requirements only add or tighten, so one of the two must change");
}

TEST(Generation, what_is_stricter_than_a_default_or_delegated_is_for_others_to_say)
{
    const auto staff = requirement("staff", {{"guard", {}}});
    const auto made = generate(required_for_security(),
                               spec_with({{"guard", {{"port", 80}, {"limit", 99}, {"time", 30}}}}), {staff});
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->values("guard").at("limit"), 99);
    EXPECT_EQ(made->values("guard").at("time"), 30);
    const auto looser = generate(required_for_security(), spec_with({{"guard", {{"time", 90}}}}), {staff});
    ASSERT_TRUE(looser);
    EXPECT_EQ(looser->values("guard").at("time"), 60);
}

TEST(Generation, defaults_bind_nobody_where_no_requirement_asks_for_the_module)
{
    const auto made = generate(required_for_security(), spec_with({{"guard", {{"port", 1}, {"time", 90}}}}),
                               {requirement("else", {})});
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->values("guard").at("port"), 1);
    EXPECT_EQ(made->values("guard").at("time"), 90);
}

TEST(Generation, the_same_value_twice_is_no_contradiction)
{
    EXPECT_TRUE(generate(
        guarded(), spec_with({{"guard", {{"port", 443}}}}),
        {requirement("a", {{"guard", {{"port", 443}}}}), requirement("b", {{"guard", {{"port", 443}}}})}));
}

Module with_order(Option::Type type, Option::Stricter stricter)
{
    Module guard = test::module("guard");
    Option& option = guard.options["o"];
    option.type = type;
    option.stricter = stricter;
    option.values = {"allow", "ask", "deny"};
    option.of = {test::integer(0)};
    option.max_items = 4;
    return guard;
}

/// The value that holds when `a` and `b` are both required, in either order; the error's text if none does.
nlohmann::json settled(const Module& guard, const nlohmann::json& a, const nlohmann::json& b)
{
    const Repository repository = test::repository({guard});
    const auto one = requirement("one", {{"guard", {{"o", a}}}});
    const auto two = requirement("two", {{"guard", {{"o", b}}}});
    const Result<Image> u = generate(repository, spec_with({}), {one, two});
    const Result<Image> reversed = generate(repository, spec_with({}), {two, one});
    const auto value = [&](const Result<Image>& image) {
        return image ? image->values("guard").at("o") : nlohmann::json(image.error().message);
    };
    EXPECT_EQ(value(u), value(reversed));
    return value(u);
}

TEST(Stricter, wins_where_the_option_says_which_value_that_is)
{
    using Stricter = Option::Stricter;
    using Type = Option::Type;
    EXPECT_EQ(settled(with_order(Type::integer, Stricter::minimum), 5, 3), 3);
    EXPECT_EQ(settled(with_order(Type::integer, Stricter::maximum), 5, 3), 5);
    EXPECT_EQ(settled(with_order(Type::boolean, Stricter::is_true), false, true), true);
    EXPECT_EQ(settled(with_order(Type::boolean, Stricter::is_false), false, true), false);
    EXPECT_EQ(settled(with_order(Type::enumeration, Stricter::maximum), "deny", "ask"), "deny");
    EXPECT_EQ(settled(with_order(Type::enumeration, Stricter::minimum), "deny", "ask"), "ask");
    EXPECT_EQ(settled(with_order(Type::list, Stricter::all_items), {3, 1}, {2, 3}),
              (nlohmann::json{1, 2, 3}));
    EXPECT_EQ(settled(with_order(Type::list, Stricter::common_items), {3, 1}, {2, 3}), (nlohmann::json{3}));
}

TEST(Stricter, a_requirement_tightens_the_spec_and_never_loosens_it)
{
    const Repository repository =
        test::repository({with_order(Option::Type::integer, Option::Stricter::minimum)});
    const auto value = [&](int spec, int required) {
        return generate(repository, spec_with({{"guard", {{"o", spec}}}}),
                        {requirement("limit", {{"guard", {{"o", required}}}})})
            ->values("guard")
            .at("o");
    };
    EXPECT_EQ(value(10, 5), 5);
    EXPECT_EQ(value(5, 10), 5);
}

TEST(Stricter, nothing_left_in_common_or_too_much_together_is_an_error)
{
    EXPECT_EQ(settled(with_order(Option::Type::list, Option::Stricter::common_items), {1}, {2}),
              "module guard, option o: requirements.one sets it to [1] and requirements.two to [2]; "
              "requirements only add or tighten, so one of the two must change");
    EXPECT_EQ(settled(with_order(Option::Type::list, Option::Stricter::all_items), {1, 2, 3}, {4, 5}),
              "modules.guard.o: 5 items are over the maximum 4");
}

TEST(Generation, values_that_differ_are_told_without_secrets)
{
    Module guard = test::module("guard");
    guard.options["token"].type = Option::Type::secret;
    const auto sealed = [](char digit) {
        return nlohmann::json{
            {"salt", std::string(32, digit)}, {"hash", std::string(64, digit)}, {"iterations", 1000}};
    };
    const Result<Image> u = generate(test::repository({guard}), spec_with({}),
                                     {requirement("a", {{"guard", {{"token", sealed('a')}}}}),
                                      requirement("b", {{"guard", {{"token", sealed('b')}}}})});
    ASSERT_FALSE(u);
    EXPECT_EQ(u.error().message,
              "module guard, option token: requirements.a sets it to {\"sealed\":true} and "
              "requirements.b to {\"sealed\":true}; requirements only add or tighten, so one of "
              "the two must change");
}

TEST(Generation, the_order_of_requirements_never_changes_the_result)
{
    std::mt19937 random(test::seed);
    for (int round = 0; round < 200; ++round) {
        SCOPED_TRACE("seed " + std::to_string(test::seed) + ", round " + std::to_string(round));
        const Repository repository = test::random_repository(random);
        std::vector<SecurityRequirement> requirements;
        for (int i = 0; i < 4; ++i) {
            std::map<std::string, std::map<std::string, nlohmann::json>> modules;
            for (const ModulePtr& m : repository.all()) {
                if (random() % 3 == 0) {
                    for (const auto& [option, type] : m->options) {
                        modules[m->name][option] = static_cast<std::int64_t>(random() % 2);
                    }
                    modules.try_emplace(m->name);
                }
            }
            requirements.push_back(requirement("r" + std::to_string(i), modules));
        }
        const Result<Image> first = generate(repository, spec_with({}), requirements);
        for (int shuffle = 0; shuffle < 4; ++shuffle) {
            std::shuffle(requirements.begin(), requirements.end(), random);
            const Result<Image> other = generate(repository, spec_with({}), requirements);
            ASSERT_EQ(first.has_value(), other.has_value());
            if (!first) {
                EXPECT_EQ(first.error().message, other.error().message);
                continue;
            }
            EXPECT_EQ(first->installed(), other->installed());
            for (const ModulePtr& m : first->installed()) {
                EXPECT_EQ(Configuration(*first, m), Configuration(*other, m));
            }
        }
    }
}

TEST(Generation, throws_where_the_algorithm_throws_and_says_why)
{
    const Repository repository = test::repository(
        {test::module("web", {"tcp"}), test::module("tcp"), test::module("rump", {}, {"tcp"})});
    WantedModules nothing;
    EXPECT_EQ(Generate(nothing, {repository.find("web")}).error().message,
              "module web is not installable: it requires tcp, which is not installed before it");
    EXPECT_EQ(Generate(nothing, {repository.find("tcp"), repository.find("rump")}).error().message,
              "module rump is not installable: it conflicts with tcp, which is installed");
}

TEST(Generation, an_option_without_default_must_be_given)
{
    Module guard = test::module("guard");
    guard.options["realm"] = test::text();
    EXPECT_EQ(generate(test::repository({guard}), spec_with({{"guard", {}}}), {}).error().message,
              "modules.guard.realm: must be given; it has no default. Set it in spec.modules.guard or in a "
              "requirement");
}

TEST(Generation, unknown_modules_and_options_are_answered_with_the_nearest)
{
    EXPECT_EQ(generate(guarded(), spec_with({{"gaurd", {}}}), {}).error().message,
              "spec.modules.gaurd: there is no such module; did you mean guard?");
    EXPECT_EQ(generate(guarded(), spec_with({{"zzzzzz", {}}}), {}).error().message,
              "spec.modules.zzzzzz: there is no such module; there are guard, sockets");
    EXPECT_EQ(generate(guarded(), spec_with({}), {requirement("staff", {{"guard", {{"prot", 80}}}})})
                  .error()
                  .message,
              "requirements.staff.modules.guard.prot: module guard has no such option; did you mean port?");
}

TEST(Generation, a_value_out_of_range_names_its_path_and_the_limit)
{
    const Result<Image> u = generate(guarded(), spec_with({{"guard", {{"port", 70000}}}}), {});
    ASSERT_FALSE(u);
    EXPECT_EQ(u.error().kind, FailureKind::invalid);
    EXPECT_EQ(u.error().message, "spec.modules.guard.port: 70000 is over the maximum 65535");
}

TEST(Generation, what_does_not_apply_is_left_out_and_named)
{
    SecurityRequirement other = requirement("database", {{"guard", {}}});
    other.applies_to = {.everything = false, .labels = {{"tier", "database"}}, .images = {}};
    std::vector<std::string> skipped;
    const Repository repository = guarded();
    const Result<WantedModules> wanted = merge(repository, spec_with({{"sockets", {}}}), {other}, skipped);
    ASSERT_TRUE(wanted);
    EXPECT_FALSE(wanted->contains("guard"));
    EXPECT_EQ(skipped, std::vector<std::string>{"database"});
}

TEST(Generation, selects_by_everything_labels_or_image)
{
    const ImageSpec spec = spec_with({});
    EXPECT_TRUE(applies({.everything = true, .labels = {}, .images = {}}, spec));
    EXPECT_TRUE(applies({.everything = false, .labels = {{"tier", "web"}}, .images = {}}, spec));
    EXPECT_FALSE(
        applies({.everything = false, .labels = {{"tier", "web"}, {"zone", "dmz"}}, .images = {}}, spec));
    EXPECT_TRUE(applies({.everything = false, .labels = {}, .images = {"web"}}, spec));
    EXPECT_FALSE(applies({.everything = false, .labels = {}, .images = {"other"}}, spec));
}

}  // namespace
}  // namespace unikernel
