// SPDX-License-Identifier: Apache-2.0
// What global and domain requirements say, no project's requirement can loosen, whatever it says.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include <rapidcheck/gtest.h>

#include "common/model/generation.hh"
#include "common/model/resolution.hh"
#include "model_fixture.hh"

namespace unikernel
{
namespace
{

using nlohmann::json;

/// An option, how one of the values 0 ... 7 is written for it, and whether one value is as strict as another:
/// said here once more, in other words than in the code under test.
struct Ordered {
    std::string name;
    Option option;
    std::function<json(int)> value;
    std::function<bool(const json& now, const json& before)> as_strict;
};

Option option(Option::Type type, Option::Stricter stricter, json initial)
{
    Option made;
    made.type = type;
    made.stricter = stricter;
    made.initial = std::move(initial);
    return made;
}

/// The names of the bits that are set.
json bits(int value)
{
    json list = json::array();
    for (int bit = 0; bit < 3; ++bit) {
        if ((value >> bit & 1) != 0) {
            list.push_back("b" + std::to_string(bit));
        }
    }
    return list;
}

bool includes(const json& all, const json& part)
{
    return std::all_of(part.begin(), part.end(), [&](const json& each) {
        return std::find(all.begin(), all.end(), each) != all.end();
    });
}

const std::vector<Ordered>& options()
{
    using Type = Option::Type;
    using Stricter = Option::Stricter;
    static const std::vector<Ordered> all = [] {
        const auto number = [](int value) { return json(value); };
        const auto flag = [](int value) { return json(value % 2 == 0); };
        const auto equal = [](const json& now, const json& before) { return now == before; };
        std::vector<Ordered> list{
            {"most", option(Type::integer, Stricter::minimum, 9), number, std::less_equal<json>()},
            {"least", option(Type::integer, Stricter::maximum, 0), number, std::greater_equal<json>()},
            {"checks", option(Type::boolean, Stricter::is_true, false), flag,
             [](const json& now, const json& before) { return now == true || before == false; }},
            {"shows", option(Type::boolean, Stricter::is_false, true), flag,
             [](const json& now, const json& before) { return now == false || before == true; }},
            {"denied", option(Type::list, Stricter::all_items, json::array()), bits, includes},
            {"allowed", option(Type::list, Stricter::common_items, bits(7)),
             [](int value) { return bits(value == 0 ? 7 : value); },
             [](const json& now, const json& before) { return includes(before, now); }},
            {"port", option(Type::integer, Stricter::undefined, 80), number, equal}};
        Option item;
        item.type = Type::string;
        for (Ordered& each : list) {
            if (each.option.type == Type::list) {
                each.option.of = {item};
            }
        }
        return list;
    }();
    return all;
}

Repository repository()
{
    Module m = test::module("m");
    m.kind = Module::Kind::security;
    for (const Ordered& each : options()) {
        m.options[each.name] = each.option;
    }
    return test::repository({m, test::module("n"), test::module("o", {}, {"n"})});
}

/// What a requirement asks for, in numbers that RapidCheck can shrink: pairs of an option and a value; option
/// 7 is to have module n, 8 to have module o.
using Wishes = std::vector<std::pair<int, int>>;

SecurityRequirement requirement(const std::string& name, const Wishes& wishes)
{
    SecurityRequirement made;
    made.name = name;
    made.applies_to.everything = true;
    const std::string source = "requirements." + name;
    Insert(made.modules, Dependency("m"), source);
    for (const auto& [number, value] : wishes) {
        const auto at = static_cast<std::size_t>(number);
        if (at >= options().size()) {
            Insert(made.modules, Dependency(at == options().size() ? "n" : "o"), source);
        } else if (!made.modules["m"].options.contains(options()[at].name)) {
            Insert(made.modules, "m", {options()[at].name, options()[at].value(value)}, source);
        }
        made.validity = std::chrono::hours(1 + value);
    }
    return made;
}

std::vector<SecurityRequirement> some_requirements(const std::string& prefix)
{
    const auto wishes = *rc::gen::container<std::vector<Wishes>>(
        rc::gen::container<Wishes>(rc::gen::pair(rc::gen::inRange(0, 9), rc::gen::inRange(0, 8))));
    std::vector<SecurityRequirement> made;
    for (const Wishes& each : wishes) {
        if (made.size() < 3) {
            made.push_back(requirement(prefix + std::to_string(made.size()), each));
        }
    }
    return made;
}

ImageSpec web()
{
    ImageSpec spec;
    spec.name = "web";
    return spec;
}

Result<Image> generated(const Repository& modules, const std::vector<SecurityRequirement>& requirements)
{
    std::vector<std::string> skipped;
    const auto wanted = merge(modules, web(), requirements, skipped);
    if (!wanted) {
        return tl::unexpected(wanted.error());
    }
    const auto order = resolve(modules, "u0", *wanted, {});
    return order ? Generate(*wanted, *order) : tl::unexpected(order.error());
}

RC_GTEST_PROP(Scopes, a_projects_requirement_loosens_nothing_that_an_administrators_says, ())
{
    const Repository modules = repository();
    const auto admins = some_requirements("admin");
    auto all = admins;
    for (auto& each : some_requirements("project")) {
        all.push_back(std::move(each));
    }
    std::rotate(all.begin(), all.begin() + *rc::gen::inRange<long>(0, static_cast<long>(all.size()) + 1),
                all.end());
    const auto before = generated(modules, admins);
    const auto now = generated(modules, all);
    RC_ASSERT(before || !now);  // no project makes of what cannot be what can
    if (!before || !now) {
        return;
    }
    const auto had = Modules(*before);
    const auto has = Modules(*now);
    RC_ASSERT(std::includes(has.begin(), has.end(), had.begin(), had.end()));
    if (!admins.empty()) {  // each asks for m; what none of them mentions has its default
        for (const Ordered& each : options()) {
            RC_ASSERT(each.as_strict(now->values("m").at(each.name), before->values("m").at(each.name)));
        }
    }
    if (const SecurityRequirement* limit = shortest_validity(admins, web())) {
        RC_ASSERT(*shortest_validity(all, web())->validity <= *limit->validity);
    }
}

RC_GTEST_PROP(Scopes, a_contradiction_names_both_who_contradict, ())
{
    const Repository modules = repository();
    const int first = *rc::gen::inRange(0, 8);
    const int second = *rc::gen::suchThat(rc::gen::inRange(0, 8), [&](int value) { return value != first; });
    const auto image =
        generated(modules, {requirement("theirs", {{6, first}}), requirement("ours", {{6, second}})});
    RC_ASSERT(!image);
    const std::string message = image.error().message;
    RC_ASSERT(message.find("requirements.ours sets it to " + std::to_string(second)) != std::string::npos);
    RC_ASSERT(message.find("requirements.theirs to " + std::to_string(first)) != std::string::npos);
}

TEST(Scopes, modules_that_exclude_each_other_are_an_error_that_names_both_who_ask)
{
    const auto image =
        generated(repository(), {requirement("theirs", {{7, 0}}), requirement("ours", {{8, 0}})});
    ASSERT_FALSE(image);
    EXPECT_NE(image.error().message.find("requirements.theirs"), std::string::npos) << image.error().message;
    EXPECT_NE(image.error().message.find("requirements.ours"), std::string::npos) << image.error().message;
}

}  // namespace
}  // namespace unikernel
