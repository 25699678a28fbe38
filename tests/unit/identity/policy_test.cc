// SPDX-License-Identifier: Apache-2.0
#include "builder_service/identity/policy.hh"

#include <chrono>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/decode/document.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel
{
namespace
{

using testing::AllOf;
using testing::HasSubstr;

Caller caller_with(std::vector<std::string> roles)
{
    Caller caller;
    caller.user_id = "u";
    caller.project_id = "p";
    caller.roles = std::move(roles);
    return caller;
}

bool holds(std::string_view expression, const Caller& caller)
{
    const auto rule = PolicyRule::parse(expression);
    EXPECT_TRUE(rule) << expression << ": " << (rule ? "" : rule.error().message);
    return rule && rule->holds({caller, "p", "someone", [](std::string_view name) { return name == "yes"; }});
}

TEST(PolicyRule, DecidesByWhatTheCallerIs)
{
    const auto caller = caller_with({"member"});
    for (const char* expression :
         {"", "@", "role:member", "role:Member", "rule:yes", "project_id:%(project_id)s", "project_id:p",
          "user_id:u", "not !", "role:admin or role:member", "@ and (role:admin or not role:reader)",
          "((role:member))", "! and ! or @", "not role:a and not role:b", "(project_id:%(project_id)s)"})
        EXPECT_TRUE(holds(expression, caller)) << expression;
    for (const char* expression :
         {"!", "role:admin", "rule:no", "project_id:q", "user_id:%(user_id)s", "not @",
          "role:member and role:admin", "! and (! or @)", "not (role:member or role:admin)"})
        EXPECT_FALSE(holds(expression, caller)) << expression;
}

TEST(PolicyRule, RefusesWhatItDoesNotUnderstand)
{
    for (const char* expression :
         {"and", "role:a role:b", "role:a or", "not", "(role:a", "role:a)", "()",
          "role:", "rule:", "True:%(x)s", "role:%(role)s", "project_id:%(tenant_id)s", "http://example/",
          "is_admin:True", "role", "@@"})
        EXPECT_FALSE(PolicyRule::parse(expression)) << expression;
    std::string deep;
    for (int n = 0; n < 10'000; ++n)
        deep += "not ";
    EXPECT_THAT(PolicyRule::parse(deep + "@").error().message, HasSubstr("deeper than 32"));
}

class PolicyTest : public testing::Test
{
protected:
    std::filesystem::path write(const std::string& text)
    {
        const auto file = folder_->path() / "policy.yaml";
        std::ofstream(file) << text;
        return file;
    }
    std::string refusal(const std::string& text)
    {
        const auto policy = Policy::open(write(text));
        return policy ? "it was taken" : policy.error().message;
    }
    Result<TemporaryDirectory> folder_ = TemporaryDirectory::create();
};

TEST_F(PolicyTest, HasTheRolesOfOpenStack)
{
    const auto policy = std::move(*Policy::open());
    const auto may = [&](const char* role, const char* rule) {
        return policy->allows(std::string("unikernel:") + rule, caller_with({role}));
    };
    for (const char* rule : {"builds:get", "images:download", "modules:list", "requirements:list"})
        for (const char* role : {"reader", "member", "manager", "admin", "service"})
            EXPECT_TRUE(may(role, rule)) << role << rule;
    for (const char* rule : {"builds:create", "bundles:create", "builds:cancel", "images:delete"}) {
        EXPECT_FALSE(may("reader", rule)) << rule;
        EXPECT_TRUE(may("member", rule)) << rule;
        EXPECT_TRUE(may("service", rule)) << rule;
    }
    EXPECT_FALSE(may("member", "requirements:create"));
    EXPECT_FALSE(may("service", "requirements:create"));
    EXPECT_TRUE(may("manager", "requirements:create"));
    EXPECT_TRUE(may("admin", "requirements:create"));
    EXPECT_FALSE(may("nothing", "builds:list"));
    EXPECT_FALSE(policy->allows("admin_required", caller_with({"manager"})));
    EXPECT_FALSE(policy->allows("unikernel:no:such", caller_with({"admin"})));
}

TEST_F(PolicyTest, TakesAFileOverItsDefaults)
{
    const auto policy = std::move(*Policy::open(write("builders: role:builder\n"
                                                      "\"unikernel:builds:create\": \"rule:builders\"\n"
                                                      "unikernel:builds:get: ''\n")));
    EXPECT_FALSE(policy->allows("unikernel:builds:create", caller_with({"member"})));
    EXPECT_TRUE(policy->allows("unikernel:builds:create", caller_with({"builder"})));
    EXPECT_TRUE(policy->allows("unikernel:builds:get", caller_with({})));
    EXPECT_TRUE(policy->allows("unikernel:builds:cancel", caller_with({"member"})));
}

TEST_F(PolicyTest, NamesWhatIsWrongAndItsLine)
{
    EXPECT_THAT(
        refusal("a: '@'\n\n\"unikernel:builds:get\": \"role\"\n"),
        AllOf(HasSubstr("policy.yaml, line 3: rule 'unikernel:builds:get': 'role' is not understood")));
    EXPECT_THAT(refusal("\"unikernel:build:get\": \"@\"\n"),
                AllOf(HasSubstr("line 1"), HasSubstr("did you mean unikernel:builds:get")));
    EXPECT_THAT(refusal("\"unikernel:builds:get\": rule:nobody\n"),
                HasSubstr("refers to rule 'nobody', which does not exist"));
    EXPECT_THAT(refusal("a: rule:b\nb: not rule:a\n"), HasSubstr("refers to itself"));
    EXPECT_THAT(refusal("a: [[\"role:x\"]]\n"), HasSubstr("must be a text in quotes"));
    EXPECT_THAT(refusal("- a\n"), HasSubstr("must be a mapping"));
    EXPECT_THAT(refusal("a: !\n"), HasSubstr("line 1: rule 'a': '!' must stand in quotes"));
    EXPECT_EQ(Policy::open("/nowhere/policy.yaml").error().kind, FailureKind::not_found);
    EXPECT_EQ(refusal(""), "it was taken");
}

TEST_F(PolicyTest, ReadsItsFileAgainAndKeepsTheOldRulesWhenItIsWrong)
{
    const auto member = caller_with({"member"});
    const auto policy = std::move(*Policy::open(write("\"unikernel:builds:get\": \"!\"\n")));
    EXPECT_FALSE(policy->allows("unikernel:builds:get", member));
    const auto soon = [&](bool wanted) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (policy->allows("unikernel:builds:get", member) != wanted &&
               std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        return policy->allows("unikernel:builds:get", member) == wanted;
    };
    write("\"unikernel:builds:get\": \"role:member\"\n");
    EXPECT_TRUE(soon(true));
    write("\"unikernel:builds:get\": \"role\"\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    EXPECT_TRUE(policy->allows("unikernel:builds:get", member));
    write("\"unikernel:builds:get\": \"role:admin or !\"\n");
    EXPECT_TRUE(soon(false));
}

TEST_F(PolicyTest, PrintsASampleThatIsTakenAndChangesNothing)
{
    auto text = Policy::sample();
    EXPECT_TRUE(Policy::open(write(text)));
    std::string active;
    for (std::size_t at = 0; at < text.size(); ++at)
        if (text[at] != '#' || text.compare(at, 2, "#\"") != 0)
            active += text[at];
    const auto document = decode_yaml(active, "sample");
    ASSERT_TRUE(document) << document.error().message;
    EXPECT_EQ(document->at("admin_required"), "role:admin");
    EXPECT_TRUE(Policy::open(write(active)));
}

}  // namespace
}  // namespace unikernel
