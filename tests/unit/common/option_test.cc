// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "common/model/option.hh"
#include "model_fixture.hh"

namespace unikernel
{
namespace
{

using nlohmann::json;

std::string refusal(const Option& option, const json& value)
{
    const Result<json> result = check_value(option, value, "spec.modules.m.o");
    EXPECT_FALSE(result);
    return result ? "" : result.error().message;
}

Option of_type(Option::Type type)
{
    Option option;
    option.type = type;
    return option;
}

/// resources: [{path, methods: [...]}] as http-guard has it.
Option resources()
{
    Option methods = of_type(Option::Type::list);
    methods.of = {test::text("[A-Z]+")};
    methods.initial = json::array();
    Option record = of_type(Option::Type::record);
    record.fields = {{"path", test::text("/.*")}, {"methods", methods}};
    Option list = of_type(Option::Type::list);
    list.of = {record};
    list.max_items = 3;
    list.unique = "path";
    return list;
}

TEST(Options, integers)
{
    Option port = test::integer(80, 1, 65535);
    EXPECT_EQ(*check_value(port, 443, "x"), 443);
    EXPECT_EQ(refusal(port, 70000), "spec.modules.m.o: 70000 is over the maximum 65535");
    EXPECT_EQ(refusal(port, 0), "spec.modules.m.o: 0 is under the minimum 1");
    EXPECT_EQ(refusal(port, 1.5), "spec.modules.m.o: must be an integer, and is 1.5");
    EXPECT_EQ(refusal(port, "80"), "spec.modules.m.o: must be an integer, and is a string");
    EXPECT_EQ(refusal(port, UINT64_MAX), "spec.modules.m.o: 18446744073709551615 is over the maximum 65535");
    port.unit = "ports";
    EXPECT_EQ(refusal(port, 70000), "spec.modules.m.o: 70000 is over the maximum 65535 ports");
}

TEST(Options, booleans_and_enumerations)
{
    EXPECT_EQ(refusal(of_type(Option::Type::boolean), "yes"),
              "spec.modules.m.o: must be true or false, and is a string");
    Option mode = of_type(Option::Type::enumeration);
    mode.values = {"allow", "deny"};
    EXPECT_EQ(*check_value(mode, "deny", "x"), "deny");
    EXPECT_EQ(refusal(mode, "maybe"), "spec.modules.m.o: \"maybe\" is none of allow, deny");
    EXPECT_EQ(refusal(mode, true), "spec.modules.m.o: a boolean is none of allow, deny");
}

TEST(Options, strings)
{
    Option name = test::text("[a-z]+");
    name.max_length = 5;
    EXPECT_EQ(refusal(name, "ABC"), "spec.modules.m.o: \"ABC\" does not match [a-z]+");
    EXPECT_EQ(refusal(name, "abcdef"), "spec.modules.m.o: 6 bytes are over the maximum length 5");
    EXPECT_EQ(refusal(name, 7), "spec.modules.m.o: must be a string, and is a number; put it in quotes");
    EXPECT_EQ(refusal(test::text(), std::string("a\0b", 3)), "spec.modules.m.o: contains a NUL character");
}

TEST(Options, the_length_is_checked_before_the_expression_runs)
{
    // Deep enough to overflow the matcher's stack, were it tried.
    EXPECT_EQ(refusal(test::text("(a|b)*"), std::string(1'000'000, 'a')),
              "spec.modules.m.o: 1000000 bytes are over the maximum length 1024");
}

TEST(Options, lists_of_records_name_the_exact_place)
{
    EXPECT_EQ(*check_value(resources(), json::parse(R"([{"path":"/a"}])"), "x"),
              json::parse(R"([{"path":"/a","methods":[]}])"));
    EXPECT_EQ(refusal(resources(), json::parse(R"([{"path":"/a"},{"path":"b"}])")),
              "spec.modules.m.o[1].path: \"b\" does not match /.*");
    EXPECT_EQ(refusal(resources(), json::parse(R"([{"path":"/a","methods":["GET","post"]}])")),
              "spec.modules.m.o[0].methods[1]: \"post\" does not match [A-Z]+");
    EXPECT_EQ(refusal(resources(), json::parse(R"([{"path":"/a"},{"path":"/a"}])")),
              "spec.modules.m.o[1].path: \"/a\" is there already; each item needs its own");
    EXPECT_EQ(refusal(resources(), json::parse(R"([{}])")),
              "spec.modules.m.o[0].path: must be given; it has no default");
    EXPECT_EQ(refusal(resources(), json::parse(R"([{"path":"/a","pfad":"/b"}])")),
              "spec.modules.m.o[0].pfad: no such field; there are methods, path");
    EXPECT_EQ(refusal(resources(), json::array({1, 2, 3, 4})),
              "spec.modules.m.o: 4 items are over the maximum 3");
    EXPECT_EQ(refusal(resources(), json::object()), "spec.modules.m.o: must be a list, and is an object");
    EXPECT_EQ(refusal(resources(), json::array({"x"})),
              "spec.modules.m.o[0]: must be an object, and is a string");
}

TEST(Options, secrets_are_taken_sealed_and_never_printed)
{
    const Option secret = of_type(Option::Type::secret);
    EXPECT_TRUE(check_value(
        secret, {{"salt", std::string(32, 'a')}, {"hash", std::string(64, 'b')}, {"iterations", 1000}}, "x"));
    const std::string form =
        "spec.modules.m.o: must be {plain: \"...\"}, or sealed as {salt: <32 hex digits>, hash: "
        "<64 hex digits>, iterations: <1000..10000000>}";
    EXPECT_EQ(refusal(secret, "hunter2"), form);
    EXPECT_EQ(refusal(secret, {{"salt", "aa"}, {"hash", std::string(64, 'b')}, {"iterations", 1000}}), form);
    EXPECT_EQ(
        refusal(secret, {{"salt", std::string(32, 'a')}, {"hash", std::string(64, 'b')}, {"iterations", 1}}),
        form);
    EXPECT_EQ(refusal(secret, {{"plain", "hunter2"}}), "spec.modules.m.o: a plain text got here unsealed");
}

TEST(Options, references_must_name_something_that_exists)
{
    Option credential = of_type(Option::Type::record);
    credential.fields = {{"name", test::text()}};
    Option credentials = of_type(Option::Type::list);
    credentials.of = {credential};
    Option accept = of_type(Option::Type::list);
    accept.of = {test::text()};
    accept.of.front().refers_to = "credentials.name";
    Option resource = of_type(Option::Type::record);
    resource.fields = {{"accept", accept}};
    Option list = of_type(Option::Type::list);
    list.of = {resource};
    const std::map<std::string, Option> options{{"credentials", credentials}, {"resources", list}};
    const auto check = [&](const char* wanted) {
        return check_references(options,
                                {{"credentials", json::parse(R"([{"name":"staff"},{"name":"admin"}])")},
                                 {"resources", json::parse(wanted)}},
                                "requirements.r.modules.http-guard");
    };
    EXPECT_TRUE(check(R"([{"accept":["staff","admin"]}])"));
    EXPECT_EQ(check(R"([{"accept":["staff"]},{"accept":["admin","stuff"]}])").error().message,
              "requirements.r.modules.http-guard.resources[1].accept[1]: \"stuff\" is no name in "
              "requirements.r.modules.http-guard.credentials; there are staff, admin");
}

TEST(Options, redaction_replaces_each_secret_and_nothing_else)
{
    Option record = of_type(Option::Type::record);
    record.fields = {{"name", test::text()}, {"secret", of_type(Option::Type::secret)}};
    Option list = of_type(Option::Type::list);
    list.of = {record};
    EXPECT_EQ(
        redact(list, json::parse(R"([{"name":"n","secret":{"salt":"00","hash":"11","iterations":1}}])")),
        json::parse(R"([{"name":"n","secret":{"sealed":true}}])"));
}

}  // namespace
}  // namespace unikernel
