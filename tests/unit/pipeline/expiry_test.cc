// SPDX-License-Identifier: Apache-2.0
// Requirements that limit how long an image may live, or hold from some time on.
#include "builder_service/pipeline/preview.hh"
#include "common/util/time.hh"
#include "mini_platform.hh"

namespace unikernel
{
namespace
{

using test::console_spec;

const std::string month = "{name: month, applies_to: {everything: true}, validity: 30d, modules: {}}";
const std::string week = "{name: week, applies_to: {images: [quiet]}, validity: 7d, modules: {power: {}}}";
const std::string later =
    "{name: later, applies_to: {everything: true}, valid_from: 2096-12-01T00:00:00Z, validity: 1d}";

class Expiry : public test::MiniPlatform
{
protected:
    void SetUp() override
    {
        test::MiniPlatform::SetUp();
        module("validity", "", "not_after: {type: int, minimum: 0, maximum: 253402300799, stricter: min}");
        request.spec = *decode_yaml(console_spec, "spec");
        request.requirements = documents({month});
        request.not_after = *parse_rfc3339("2096-12-01T00:00:00Z");
    }
    static std::vector<nlohmann::json> documents(const std::vector<std::string>& texts)
    {
        std::vector<nlohmann::json> list;
        for (const std::string& text : texts) {
            list.push_back(*decode_yaml(text, "requirement"));
        }
        return list;
    }
    std::string digest() const
    {
        const auto made = request_digest(settings, request, "sha256:1");
        EXPECT_TRUE(made) << made.error().message;
        return made.value_or("");
    }
    /// What its note would say.
    nlohmann::json note() const
    {
        const auto plan = preview(settings, request);
        EXPECT_TRUE(plan) << plan.error().message;
        return plan ? plan->description : nlohmann::json::object();
    }
    BuildOutcome build()
    {
        const auto work = TemporaryDirectory::create("work", root());
        return unikernel::build(settings, request, work->path(), observer, {});
    }

    BuildRequest request;
};

TEST_F(Expiry, is_in_the_note_and_the_configuration_but_not_in_the_digest_of_the_plan)
{
    const BuildOutcome first = build();
    ASSERT_EQ(first.state, BuildState::succeeded) << first.error;
    EXPECT_EQ(first.description["not_after"], "2096-12-01T00:00:00Z");
    EXPECT_EQ(first.description["configuration"]["validity"]["not_after"], 4'005'158'400);
    *request.not_after += std::chrono::hours(1);
    const BuildOutcome second = build();
    ASSERT_EQ(second.state, BuildState::succeeded) << second.error;
    EXPECT_EQ(second.description["not_after"], "2096-12-01T01:00:00Z");
    EXPECT_EQ(second.description["plan_digest"], first.description["plan_digest"]);
    EXPECT_NE(second.description["configuration_digest"], first.description["configuration_digest"]);
    EXPECT_NE(second.digest, first.digest);
}

TEST_F(Expiry, is_not_in_the_requests_digest_but_that_there_is_one_is)
{
    const std::string first = digest();
    *request.not_after += std::chrono::hours(1);
    EXPECT_EQ(digest(), first);
    request.requirements.clear();
    EXPECT_NE(digest(), first);
}

TEST_F(Expiry, a_time_that_the_spec_itself_sets_is_part_of_both_digests)
{
    request.requirements.clear();
    request.not_after.reset();
    request.spec["modules"]["validity"]["not_after"] = 4'005'158'400;
    const std::string first = digest();
    const auto first_note = note();
    EXPECT_EQ(first_note["not_after"], "2096-12-01T00:00:00Z");
    request.spec["modules"]["validity"]["not_after"] = 4'005'158'401;
    EXPECT_NE(digest(), first);
    EXPECT_NE(note()["plan_digest"], first_note["plan_digest"]);
}

TEST_F(Expiry, is_the_earlier_of_a_requirements_validity_and_a_time_in_the_spec)
{
    auto& in_spec = request.spec["modules"]["validity"]["not_after"];
    in_spec = 9'000'000'000;
    EXPECT_EQ(note()["not_after"], "2096-12-01T00:00:00Z");
    in_spec = 4'005'158'399;
    const auto first_note = note();
    EXPECT_EQ(first_note["not_after"], "2096-11-30T23:59:59Z");
    const std::string first = digest();
    in_spec = 4'005'158'398;
    EXPECT_NE(note()["plan_digest"], first_note["plan_digest"]);
    EXPECT_NE(digest(), first);
}

TEST_F(Expiry, without_its_module_there_is_no_image)
{
    std::filesystem::remove_all(settings.modules / "validity");
    const BuildOutcome outcome = build();
    EXPECT_EQ(to_string(outcome.state), "unresolvable");
    EXPECT_EQ(outcome.error,
              "requirement month limits validity, which needs module validity; it is not in the "
              "module repository");
}

TEST_F(Expiry, that_nobody_fixed_is_no_reason_to_live_for_ever)
{
    request.not_after.reset();
    const BuildOutcome outcome = build();
    EXPECT_EQ(to_string(outcome.state), "rejected");
    EXPECT_EQ(outcome.error,
              "requirements.month.validity: limits how long the image may live, but the request "
              "has no not_after");
}

TEST_F(Expiry, of_an_image_that_no_requirement_limits_is_never)
{
    request.requirements.clear();
    EXPECT_FALSE(note().contains("not_after"));
}

TEST_F(Expiry, the_shortest_validity_of_those_that_apply_wins)
{
    const auto now = *parse_rfc3339("2026-11-24T00:00:00Z");
    EXPECT_EQ(in_force(request.spec, documents({month, week}), now)->validity, std::chrono::days(7));
    EXPECT_EQ(in_force({{"name", "other"}}, documents({month, week}), now)->validity, std::chrono::days(30));
    EXPECT_FALSE(in_force(request.spec, {}, now)->validity);
}

TEST_F(Expiry, what_holds_later_is_left_out_until_then)
{
    const auto begin = *parse_rfc3339("2096-12-01T00:00:00Z");
    const auto before = in_force(request.spec, documents({later, month}), begin - std::chrono::seconds(1));
    ASSERT_TRUE(before) << before.error().message;
    EXPECT_EQ(before->requirements, documents({month}));
    EXPECT_EQ(before->left_out, std::vector<std::string>{
                                    "requirement later is left out: it holds from 2096-12-01T00:00:00Z on"});
    EXPECT_EQ(before->validity, std::chrono::days(30));
    const auto from_then = in_force(request.spec, documents({later, month}), begin);
    EXPECT_EQ(from_then->requirements.size(), 2U);
    EXPECT_EQ(from_then->validity, std::chrono::days(1));
}

TEST_F(Expiry, bad_documents_are_told_by_their_place)
{
    EXPECT_EQ(
        in_force(request.spec, documents({month, "{name: a, applies_to: {everything: true}, validity: 1}"}),
                 {})
            .error()
            .message,
        "requirements.a.validity: \"1\" is no duration; write a whole number and s, m, h or d, such as 30d");
    EXPECT_EQ(in_force({{"nome", "x"}}, documents({month}), {}).error().kind, FailureKind::invalid);
}

}  // namespace
}  // namespace unikernel
