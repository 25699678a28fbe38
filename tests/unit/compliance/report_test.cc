// SPDX-License-Identifier: Apache-2.0
#include "builder_service/compliance/report.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/util/time.hh"

namespace unikernel
{
namespace
{

using nlohmann::json;
using testing::HasSubstr;

class Report : public testing::Test
{
protected:
    Report()
    {
        facts_.now = *parse_rfc3339("2026-06-01T00:00:00Z");
        facts_.lines = {{.project = "p1",
                         .name = "web",
                         .build = "b2",
                         .plan_digest = "wanted",
                         .created = "2026-05-02T00:00:00.000Z",
                         .not_after = "",
                         .wanted_plan_digest = std::string("wanted"),
                         .unknown = "",
                         .validity = std::nullopt,
                         .outdated = "",
                         .requirements = {requirement("tls-only", 2, "2026-05-01T00:00:00.000Z")}}};
        facts_.tenants = {{.server = {.id = "s1",
                                      .name = "web-1",
                                      .project = "p1",
                                      .image = "i2",
                                      .status = "ACTIVE",
                                      .fault = ""},
                           .line = 0,
                           .build = "b2",
                           .image = "sha256:2",
                           .image_id = "i2",
                           .plan_digest = "wanted",
                           .created = "2026-05-02T00:00:00.000Z",
                           .not_after = "",
                           .applied = json{{{"name", "tls-only"}, {"revision", 2}, {"project", "p1"}}}}};
    }
    static RequirementRevision requirement(const std::string& name, int revision, const std::string& created)
    {
        return {.project = "p1",
                .name = name,
                .revision = revision,
                .document = {{"name", name}},
                .deleted = false,
                .created = created,
                .author = "ann"};
    }
    /// The first server runs the line's image of before.
    void outdate()
    {
        auto& tenant = facts_.tenants[0];
        tenant.plan_digest = "old";
        tenant.created = "2026-03-01T00:00:00.000Z";
        tenant.applied = json{{{"name", "tls-only"}, {"revision", 1}, {"project", "p1"}}};
    }
    json report() { return compliance_report(facts_); }
    json server() { return report()["servers"][0]; }
    std::string reason() { return server()["reason"]; }

    ComplianceFacts facts_;
};

TEST_F(Report, a_server_whose_image_has_the_wanted_plan_is_in_compliance)
{
    const auto whole = report();
    EXPECT_EQ(whole["generated"], "2026-06-01T00:00:00Z");
    EXPECT_EQ(whole["compliant"], true);
    const auto server = whole["servers"][0];
    EXPECT_EQ(server["compliant"], true);
    EXPECT_EQ(server["reason"], "its image is what is wanted");
    EXPECT_EQ(server["build"], "b2");
    EXPECT_EQ(server["image_id"], "i2");
    EXPECT_TRUE(server["rollout"].is_null());
    EXPECT_TRUE(server["not_after"].is_null());
    EXPECT_EQ(server["requirements"][0]["fulfilled"], true);
    EXPECT_EQ(server["requirements"][0]["fulfilled_revision"], 2);
    EXPECT_EQ(server["requirements"][0]["since"], "2026-05-01T00:00:00Z");
    EXPECT_EQ(whole["lines"][0]["outdated"], false);
    EXPECT_EQ(whole["lines"][0]["wanted_plan_digest"], "wanted");
}

TEST_F(Report, equal_plans_meet_a_revision_that_changed_nothing_in_them)
{
    facts_.tenants[0].applied = json::array();
    EXPECT_EQ(server()["requirements"][0]["fulfilled"], true);
    EXPECT_EQ(server()["requirements"][0]["fulfilled_revision"], 2);
}

TEST_F(Report, a_server_with_another_plan_is_not_and_the_revision_is_named)
{
    outdate();
    EXPECT_EQ(report()["compliant"], false);
    EXPECT_EQ(server()["compliant"], false);
    EXPECT_EQ(reason(), "requirement tls-only, revision 2, is not met: its image was made under revision 1");
    EXPECT_EQ(server()["requirements"][0]["fulfilled"], false);
    EXPECT_EQ(server()["requirements"][0]["fulfilled_revision"], 1);
    facts_.tenants[0].applied = json::array();
    EXPECT_THAT(reason(), HasSubstr("its image was made without it"));
    EXPECT_TRUE(server()["requirements"][0]["fulfilled_revision"].is_null());
}

TEST_F(Report, says_since_when_a_revision_holds)
{
    outdate();
    EXPECT_EQ(server()["requirements"][0]["since"], "2026-05-01T00:00:00Z");
    facts_.lines[0].requirements[0].document["valid_from"] = "2026-05-10T00:00:00Z";
    EXPECT_EQ(server()["requirements"][0]["since"], "2026-05-10T00:00:00Z");
}

TEST_F(Report, the_same_name_in_another_scope_is_another_requirement)
{
    outdate();
    facts_.tenants[0].applied = json{{{"name", "tls-only"}, {"revision", 2}, {"project", nullptr}}};
    EXPECT_EQ(server()["requirements"][0]["fulfilled"], false);
    EXPECT_THAT(reason(), HasSubstr("under requirement tls-only, revision 2, which no longer applies"));
}

TEST_F(Report, a_plan_that_differs_for_no_stored_requirement_says_so)
{
    outdate();
    facts_.lines[0].requirements.clear();
    facts_.tenants[0].applied.reset();
    EXPECT_EQ(reason(), "its plan is not what its specification and the modules there are make now");
}

TEST_F(Report, an_unknown_plan_is_no_compliance)
{
    facts_.tenants[0].plan_digest = facts_.lines[0].plan_digest = "";
    facts_.lines[0].wanted_plan_digest = std::string();
    EXPECT_EQ(server()["compliant"], false);
    EXPECT_EQ(report()["compliant"], false);
}

TEST_F(Report, an_expired_image_is_not_in_compliance_whatever_its_plan)
{
    facts_.tenants[0].not_after = "2026-06-01T00:00:01Z";
    EXPECT_EQ(server()["compliant"], true);
    facts_.tenants[0].not_after = "2026-06-01T00:00:00Z";
    EXPECT_EQ(server()["compliant"], false);
    EXPECT_EQ(reason(), "its image expired at 2026-06-01T00:00:00Z");
    facts_.tenants[0].not_after = "some day";
    EXPECT_EQ(server()["compliant"], false) << "a time that cannot be read is over";
}

TEST_F(Report, an_image_that_lives_for_longer_than_it_may_is_not_in_compliance)
{
    auto& requirement = facts_.lines[0].requirements[0];
    requirement.document = {
        {"name", "tls-only"}, {"applies_to", {{"everything", true}}}, {"validity", "30d"}};
    facts_.lines[0].validity = std::chrono::days(30);
    facts_.tenants[0].applied = json{{{"name", "tls-only"}, {"revision", 1}, {"project", "p1"}}};
    facts_.tenants[0].not_after = facts_.lines[0].not_after = "2026-06-01T00:00:00Z";
    facts_.now = *parse_rfc3339("2026-05-10T00:00:00Z");
    EXPECT_EQ(report()["compliant"], true);
    facts_.lines[0].validity = std::chrono::days(7);
    requirement.document["validity"] = "7d";
    EXPECT_EQ(server()["compliant"], false);
    EXPECT_EQ(
        reason(),
        "its image is valid until 2026-06-01T00:00:00Z, for longer than requirement tls-only allows (7d)");
    EXPECT_EQ(server()["requirements"][0]["fulfilled"], false);
    EXPECT_EQ(server()["requirements"][0]["fulfilled_revision"], 1);
    facts_.tenants.clear();
    EXPECT_EQ(report()["compliant"], false) << "nor is the line's newest image";
}

TEST_F(Report, nothing_is_in_compliance_where_no_image_can_be_made)
{
    facts_.lines[0].wanted_plan_digest = tl::unexpected(Impossible{"a conflicts with b"});
    facts_.lines[0].outdated = "cannot be made";
    EXPECT_EQ(reason(), "what is wanted of image web cannot be made: a conflicts with b");
    EXPECT_EQ(report()["compliant"], false);
    EXPECT_TRUE(report()["lines"][0]["wanted_plan_digest"].is_null());
    EXPECT_EQ(report()["lines"][0]["reason"], "cannot be made");
}

TEST_F(Report, that_nobody_knows_what_is_wanted_is_not_told_as_if_it_could_not_be_made)
{
    facts_.lines[0].unknown = "it is not known now what is wanted of it: a repository is away";
    EXPECT_EQ(server()["compliant"], false);
    EXPECT_EQ(reason(), "image web: it is not known now what is wanted of it: a repository is away");
    EXPECT_EQ(report()["compliant"], false);
}

TEST_F(Report, a_pinned_server_says_why_it_stays)
{
    outdate();
    facts_.tenants[0].server.pinned = true;
    EXPECT_EQ(server()["pinned"], true);
    EXPECT_THAT(reason(), HasSubstr("its owner pinned it, so it is not replaced"));
}

TEST_F(Report, a_rollout_at_work_on_a_server_is_named)
{
    facts_.moves = {{.rollout = "r1", .server = "s1", .active = false}};
    EXPECT_TRUE(server()["rollout"].is_null()) << "it is over, and well";
    facts_.moves[0].active = true;
    EXPECT_EQ(server()["rollout"], "r1");
}

TEST_F(Report, a_rollout_that_failed_is_named_where_it_left_a_server_behind)
{
    outdate();
    facts_.moves = {{.rollout = "r2", .server = "s1", .active = false},
                    {.rollout = "r1", .server = "s1", .active = false}};
    EXPECT_EQ(server()["rollout"], "r2");
}

TEST_F(Report, an_outdated_image_counts_without_a_server)
{
    facts_.tenants.clear();
    EXPECT_EQ(report()["compliant"], true);
    facts_.lines[0].outdated = "its image is valid until tomorrow only";
    EXPECT_EQ(report()["compliant"], true) << "it is renewed before it expires";
    EXPECT_EQ(report()["lines"][0]["outdated"], true);
    facts_.lines[0].plan_digest = "old";
    EXPECT_EQ(report()["compliant"], false);
}

TEST_F(Report, a_server_of_an_unknown_image_is_named_and_never_shown_to_be_in_compliance)
{
    facts_.strangers = {{.server = {.id = "s9",
                                    .name = "odd",
                                    .project = "p1",
                                    .image = "sha256:9",
                                    .status = "ACTIVE",
                                    .fault = ""},
                         .image = "sha256:9",
                         .image_id = "",
                         .why = "its image, sha256:9, was not made by a build of this builder",
                         .requirements = {}}};
    auto odd = report()["servers"][1];
    EXPECT_EQ(odd["name"], "odd");
    EXPECT_EQ(odd["known"], false);
    EXPECT_EQ(odd["compliant"], false);
    EXPECT_EQ(odd["reason"],
              "its image, sha256:9, was not made by a build of this builder; whether a requirement "
              "applies to it cannot be told");
    EXPECT_TRUE(odd["line"].is_null() && odd["build"].is_null());
    EXPECT_EQ(report()["compliant"], true) << "nothing is required of it for certain";
    facts_.strangers[0].requirements = {requirement("for-all", 3, "2026-05-01T00:00:00.000Z")};
    odd = report()["servers"][1];
    EXPECT_THAT(odd["reason"].get<std::string>(),
                HasSubstr("that it meets for-all, which holds for everything, cannot be shown"));
    EXPECT_EQ(odd["requirements"][0]["fulfilled"], false);
    EXPECT_EQ(report()["compliant"], false);
    EXPECT_EQ(server()["known"], true);
}

TEST_F(Report, nothing_at_all_is_in_compliance)
{
    facts_.lines.clear();
    facts_.tenants.clear();
    EXPECT_EQ(report()["compliant"], true);
    EXPECT_TRUE(report()["servers"].is_array());
}

}  // namespace
}  // namespace unikernel
