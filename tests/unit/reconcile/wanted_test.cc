// SPDX-License-Identifier: Apache-2.0
#include "builder_service/reconcile/wanted.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder_service/builds/build_repository.hh"
#include "common/util/temporary_directory.hh"
#include "tests/unit/database/test_database.hh"

namespace unikernel
{
namespace
{

using nlohmann::json;
using testing::ElementsAre;

json document(const std::string& name, json selector = {{"everything", true}})
{
    return {{"name", name}, {"applies_to", std::move(selector)}, {"modules", {{"console", nullptr}}}};
}

class WantedPlanTest : public test::OnEachEngine
{
protected:
    /// A build that came to an image, in `state`.
    void built(const std::string& id, const std::string& project, const std::string& name,
               BuildState state = BuildState::succeeded, bool publish = false)
    {
        BuildRecord build;
        if (publish)
            build.publish = Publication{.name = name, .image_id = "image-of-" + id};
        build.id = id;
        build.project = project;
        build.bundle = "sha256:of-" + id;
        build.spec = {{"name", name}};
        build.requirements = {document("given"), document("stored")};
        build.applied = {{{"name", "stored"}, {"revision", 1}, {"project", nullptr}}};
        build.image = state == BuildState::cancelled ? "" : "sha256:" + id;
        ASSERT_TRUE(builds_.add(build));
        build.state = state;
        if (publish)
            build.publish->state = PublishState::active;
        ASSERT_TRUE(builds_.finish(build));
    }
    std::vector<std::string> heads(const Scope& scope, bool published = false)
    {
        std::vector<std::string> ids;
        const auto found = builds_.heads(scope, published);
        for (const auto& head : found.value())
            ids.push_back(head.id);
        return ids;
    }

    BuildRepository builds_{*database_};
    RequirementRepository revisions_{*database_};
    RequirementService requirements_{revisions_, [](const json&) -> Result<void> { return {}; }};
    const std::chrono::sys_seconds now_{std::chrono::seconds(1'800'000'000)};
    std::vector<BuildRequest> planned_;
    const Planner planner_ = [this](const BuildRequest& request) -> Result<Preview> {
        planned_.push_back(request);
        if (request.requirements.size() > 2)
            return fail(FailureKind::unresolvable, "too many");
        return Preview{{{"plan_digest", "sha256:plan"}}, {}};
    };
    Result<WantedPlan> wanted(const RequirementRevision* draft = nullptr)
    {
        const auto head = builds_.heads({"p1", false})->at(0);
        return planned(planner_, head, requirements_.select("p1", "", head.spec, {}, now_, draft)->selected,
                       now_);
    }
};

TEST_P(WantedPlanTest, a_lines_head_is_the_newest_build_with_an_image)
{
    built("a1", "p1", "a");
    built("b1", "p1", "b");
    built("a2", "p1", "a");
    built("a3", "p1", "a", BuildState::failed);
    built("a4", "p1", "a", BuildState::cancelled);
    built("other", "p2", "a");
    EXPECT_THAT(heads({"p1", false}), ElementsAre("a2", "b1"));
    EXPECT_THAT(heads({"p1", true}), ElementsAre("a2", "b1", "other"));
    EXPECT_TRUE(heads({"p3", false}).empty());
}

TEST_P(WantedPlanTest, with_glance_it_is_the_newest_whose_image_is_there)
{
    built("a1", "p1", "a", BuildState::succeeded, true);
    built("a2", "p1", "a", BuildState::succeeded, true);
    built("a3", "p1", "a");
    built("b1", "p1", "b");
    EXPECT_THAT(heads({"p1", false}, true), ElementsAre("a2"));
    EXPECT_THAT(builds_.not_published().value(), ElementsAre("b1", "a3"));
    ASSERT_TRUE(builds_.prune("p1", 1));
    EXPECT_THAT(heads({"p1", false}, true), ElementsAre("a2")) << "of it the next image is made";
    EXPECT_THAT(heads({"p1", false}), ElementsAre("a3", "b1"));
    EXPECT_FALSE(builds_.find("a1", {"p1", false}).value());
    EXPECT_THAT(builds_.needed_bundles().value(),
                testing::UnorderedElementsAre("sha256:of-a2", "sha256:of-a3", "sha256:of-b1"));
}

TEST_P(WantedPlanTest, what_is_wanted_has_the_requirements_of_the_head_and_those_that_are_stored_now)
{
    built("a1", "p1", "a");
    ASSERT_TRUE(requirements_.create({"p1", ""}, document("new"), {"ann"}));
    ASSERT_TRUE(requirements_.create({"p1", ""}, document("elsewhere", {{"images", {"b"}}}), {"ann"}));
    const auto plan = wanted();
    ASSERT_TRUE(plan && plan->preview);
    EXPECT_EQ(plan->preview->description["plan_digest"], "sha256:plan");
    ASSERT_EQ(plan->requirements.size(), 1U);
    EXPECT_EQ(plan->requirements[0].requirement.name, "new");
    ASSERT_EQ(planned_.at(0).requirements.size(), 2U) << "\"stored\" was of another time";
    EXPECT_EQ(planned_[0].requirements[0], document("given"));
    EXPECT_EQ(planned_[0].requirements[1], document("new"));
}

TEST_P(WantedPlanTest, what_is_wanted_expires_if_a_requirement_says_so_and_has_not_what_begins_later)
{
    built("a1", "p1", "a");
    auto limit = document("limit");
    limit["validity"] = "1h";
    ASSERT_TRUE(requirements_.create({"p1", ""}, limit, {"ann"}));
    auto later = document("later");
    later["valid_from"] = "2999-01-01T00:00:00Z";
    ASSERT_TRUE(requirements_.create({std::nullopt, ""}, later, {"ann"}));
    ASSERT_TRUE(wanted());
    EXPECT_EQ(planned_.at(0).not_after, now_ + std::chrono::hours(1));
    EXPECT_EQ(planned_[0].requirements, (std::vector<json>{document("given"), limit}));
}

TEST_P(WantedPlanTest, a_draft_counts_as_stored)
{
    built("a1", "p1", "a");
    const auto draft =
        requirements_.create({"p1", ""}, document("new"), {"ann"}, RequirementService::Mode::dry_run);
    EXPECT_EQ(wanted()->requirements.size(), 0U);
    EXPECT_EQ(wanted(&*draft)->requirements.size(), 1U);
    ASSERT_TRUE(requirements_.create({"p1", ""}, document("other"), {"ann"}));
    EXPECT_EQ(wanted(&*draft)->preview.error().kind, FailureKind::unresolvable);
}

INSTANTIATE_TEST_SUITE_P(Engines, WantedPlanTest, test::each_engine, test::engine_name);

}  // namespace
}  // namespace unikernel
