// SPDX-License-Identifier: Apache-2.0
// Builds whose images have an end, and requirements that have not begun.
#include <gmock/gmock.h>

#include "build_service_fixture.hh"
#include "common/util/time.hh"

namespace unikernel
{
namespace
{

using std::chrono::minutes;
using std::chrono::sys_seconds;
using test::everything;
namespace fs = std::filesystem;

sys_seconds now()
{
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

class ExpiryTest : public test::BuildServiceTest
{
protected:
    void SetUp() override
    {
        BuildServiceTest::SetUp();
        build_ = [this](const BuildRequest& request, const fs::path& work, BuildObserver&,
                        const std::stop_token&) {
            seen_ = request.not_after;
            requirements_seen_ = request.requirements;
            ++built_;
            return success(work,
                           request.spec.dump() + (request.not_after ? to_rfc3339(*request.not_after) : ""));
        };
        start();
    }
    void TearDown() override { service_.reset(); }  // its builds use what is below
    /// A stored requirement of everything, which every submission then has to meet.
    void limit(const std::string& validity)
    {
        const nlohmann::json document = {
            {"name", "limit"}, {"applies_to", {{"everything", true}}}, {"validity", validity}};
        const auto known = requirements_->find(RequirementScope{}, "limit");
        ASSERT_TRUE(known ? requirements_->replace(*known, document, {"ann"})
                          : requirements_->create({}, document, {"ann"}));
    }
    void set_end(const BuildRecord& build, sys_seconds end)
    {
        const auto text = to_rfc3339(end);
        ASSERT_TRUE(database_->transact(true, [&](soci::session& sql) {
            sql << "UPDATE builds SET not_after = :end WHERE id = :id", soci::use(text), soci::use(build.id);
        }));
    }

    std::atomic<bool> go_{false};
    std::optional<sys_seconds> seen_;
    std::vector<nlohmann::json> requirements_seen_;
    int built_ = 0;
};

TEST_F(ExpiryTest, IsFixedWhenTheBuildIsSubmitted)
{
    limit("1h");
    const auto before = now();
    const auto submitted = submit("a");
    ASSERT_TRUE(submitted) << submitted.error().message;
    const auto end = parse_rfc3339(submitted->build.not_after);
    ASSERT_TRUE(end) << submitted->build.not_after;
    EXPECT_GE(*end, before + minutes(60));
    EXPECT_LE(*end, now() + minutes(60));
    const auto build = ended(submitted->build.id);
    EXPECT_EQ(build.state, BuildState::succeeded) << build.error;
    EXPECT_EQ(seen_, *end);
    EXPECT_EQ(to_json(build)["not_after"], to_rfc3339(*end));
}

TEST_F(ExpiryTest, IsNeverWithoutALimit)
{
    const auto build = ended(submit("a")->build.id);
    EXPECT_FALSE(seen_);
    EXPECT_EQ(build.not_after, "");
    EXPECT_TRUE(to_json(build)["not_after"].is_null());
}

TEST_F(ExpiryTest, IsTheEarlierOneThatTheImageItselfSays)
{
    limit("1h");
    build_ = [](const BuildRequest& request, const fs::path& work, BuildObserver&, const std::stop_token&) {
        auto outcome = success(work, request.spec.dump());
        outcome.description = {{"not_after", "2026-01-01T00:00:00Z"}};
        return outcome;
    };
    EXPECT_EQ(ended(submit("a")->build.id).not_after, "2026-01-01T00:00:00Z");
}

TEST_F(ExpiryTest, WithHalfOfItsTimeLeftTheImageIsUsedAgain)
{
    limit("1h");
    const auto first = ended(submit("a")->build.id);
    set_end(first, now() + minutes(31));
    const auto again = submit("a");
    EXPECT_EQ(again->build.id, first.id);
    EXPECT_FALSE(again->created);
    set_end(first, now() + minutes(29));
    const auto second = submit("a");
    EXPECT_TRUE(second->created);
    ended(second->build.id);
    EXPECT_EQ(built_, 2);
}

TEST_F(ExpiryTest, AnImageThatLivesLongerThanIsAllowedByNowIsNotUsedAgain)
{
    // The stub's digest has the requirements in it; that of the pipeline has not their validity.
    limit("2h");
    const auto first = ended(submit("a")->build.id);
    set_end(first, now() + minutes(121));
    EXPECT_TRUE(submit("a")->created);
}

TEST_F(ExpiryTest, ABuildUnderWayIsUsedByTheSameRules)
{
    limit("1h");
    build_ = [this](const BuildRequest& request, const fs::path& work, BuildObserver&,
                    const std::stop_token&) {
        while (!go_)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return success(work, request.spec.dump());
    };
    const auto first = submit("a")->build;
    EXPECT_EQ(submit("a")->build.id, first.id);
    set_end(first, now() + minutes(29));
    EXPECT_NE(submit("a")->build.id, first.id);
    go_ = true;
    ended(first.id);
}

TEST_F(ExpiryTest, AnImageThatIsOnlyPublishedKeepsItsEnd)
{
    limit("1h");
    publishing_.publish = [](BuildRecord& build, const StoredImage&, BuildObserver&, std::stop_token) {
        build.publish->state = PublishState::active;
        return Result<void>{};
    };
    service_.reset();
    start();
    const auto first = ended(submit("a")->build.id);
    set_end(first, now() + minutes(45));
    auto wanted = submission("a");
    wanted.publish = Publication{};
    const auto second = ended(service_->submit(wanted)->build.id);
    EXPECT_NE(second.id, first.id);
    EXPECT_EQ(second.image, first.image);
    EXPECT_EQ(second.not_after, service_->find(first.id, everything)->not_after);
    EXPECT_EQ(built_, 1);
}

TEST_F(ExpiryTest, WhatHasNotBegunIsLeftOutAndTheBuildSaysSo)
{
    const nlohmann::json later = {{"name", "later"},
                                  {"applies_to", {{"everything", true}}},
                                  {"modules", {{"console", nullptr}}},
                                  {"valid_from", "2999-01-01T00:00:00Z"}};
    ASSERT_TRUE(requirements_->create({}, later, {"ann"}));
    auto wanted = submission("a");
    wanted.requirements = {later};
    wanted.requirements.front()["name"] = "inline";
    const auto build = ended(service_->submit(wanted)->build.id);
    EXPECT_TRUE(requirements_seen_.empty());
    EXPECT_EQ(build.requirements, nlohmann::json(wanted.requirements))
        << "it may hold for the line's next build";
    EXPECT_EQ(build.applied, nlohmann::json::array());
    const auto events = service_->events(build, 1, 10).value();
    ASSERT_GE(events.size(), 2U);
    EXPECT_EQ(events[0].kind, "warning");
    EXPECT_EQ(events[0].text, "requirement inline is left out: it holds from 2999-01-01T00:00:00Z on");
    EXPECT_EQ(events[1].text,
              "requirement later, revision 1, global is left out: it holds from 2999-01-01T00:00:00Z on");
}

TEST_F(ExpiryTest, DomainAndOriginAreRemembered)
{
    const nlohmann::json document = {
        {"name", "house-rules"}, {"applies_to", {{"everything", true}}}, {"modules", {{"console", nullptr}}}};
    ASSERT_TRUE(requirements_->create({std::nullopt, "d1"}, document, {"ann"}));
    auto wanted = submission("a");
    wanted.bundle = keep("bundle", "p1");
    wanted.project = "p1";
    wanted.domain = "d1";
    wanted.origin = "reconcile";
    const auto build = ended(service_->submit(wanted)->build.id);
    EXPECT_EQ(build.domain, "d1");
    EXPECT_EQ(to_json(build)["origin"], "reconcile");
    EXPECT_EQ(build.applied.at(0)["domain"], "d1");
    EXPECT_EQ(service_->events(build, 1, 1)->at(0).text,
              "requirement house-rules, revision 1, of domain d1: it applies to everything");
    EXPECT_EQ(submit("a")->build.applied, nlohmann::json::array()) << "another domain's project";
}

}  // namespace
}  // namespace unikernel
