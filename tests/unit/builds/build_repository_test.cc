// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/build_repository.hh"

#include <algorithm>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/util/file.hh"
#include "common/util/temporary_directory.hh"
#include "tests/unit/database/test_database.hh"

namespace unikernel
{
namespace
{

class BuildRepositoryTest : public test::OnEachEngine
{
protected:
    void SetUp() override { reopen(); }
    void reopen()
    {
        repository_.reset();
        database_.reset();
        database_ = test_database_.open();
        repository_ = std::make_unique<BuildRepository>(*database_);
    }
    BuildRecord add(const std::string& id, const std::string& digest = "digest",
                    const std::string& project = "")
    {
        BuildRecord build;
        build.project = project;
        build.id = id;
        build.request_digest = digest;
        build.bundle = "sha256:00";
        build.spec = {{"name", id}};
        EXPECT_TRUE(repository_->add(build));
        return build;
    }
    static BuildEvent event(const std::string& text)
    {
        return {.n = 0,
                .time = "t",
                .phase = "plan",
                .kind = "log",
                .text = text,
                .state = {},
                .image = {},
                .error = {}};
    }

    std::unique_ptr<BuildRepository> repository_;
};

const Scope own{"", false};

TEST_P(BuildRepositoryTest, RemembersBuildsAcrossOpening)
{
    auto build = add("a");
    build.state = BuildState::compile_failed;
    build.error = "quote ' and \"double\" and ünïcode";
    build.phases = {{{"phase", "plan"}, {"milliseconds", 1.5}}};
    build.objects_compiled = 3;
    ASSERT_TRUE(repository_->finish(build));
    reopen();
    const auto found = repository_->find("a", own);
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->state, BuildState::compile_failed);
    EXPECT_EQ((*found)->error, build.error);
    EXPECT_EQ((*found)->phases, build.phases);
    EXPECT_EQ((*found)->spec["name"], "a");
    EXPECT_EQ((*found)->objects_compiled, 3U);
    EXPECT_TRUE((*found)->boot_check);
}

TEST_P(BuildRepositoryTest, AbsentIsNoFailure)
{
    const auto found = repository_->find("nobody", own);
    ASSERT_TRUE(found);
    EXPECT_FALSE(*found);
}

TEST_P(BuildRepositoryTest, RefusesTheSameIdTwice)
{
    add("a");
    BuildRecord again;
    again.id = "a";
    EXPECT_FALSE(repository_->add(again));
    EXPECT_EQ(repository_->count(BuildState::queued).value(), 1U);
}

TEST_P(BuildRepositoryTest, ClaimsTheOldestQueuedBuildOnce)
{
    add("a");
    add("b");
    EXPECT_EQ((*repository_->claim())->id, "a");
    EXPECT_EQ((*repository_->claim())->id, "b");
    EXPECT_FALSE(*repository_->claim());
    EXPECT_EQ((*repository_->find("a", own))->attempts, 1);
    EXPECT_EQ((*repository_->find("a", own))->state, BuildState::running);
}

TEST_P(BuildRepositoryTest, GivesEachBuildToOneOfManyWhoClaim)
{
    constexpr int builds = 40;
    for (int n = 0; n < builds; ++n)
        add("b" + std::to_string(n), "digest", "p" + std::to_string(n % 3));
    std::mutex mutex;
    std::vector<std::string> claimed;
    const auto claim_all = [&](const std::string& builder) {
        const auto database = test_database_.open();
        BuildRepository repository(*database);
        for (;;) {
            const auto build = repository.claim(builder);
            ASSERT_TRUE(build) << build.error().message;
            if (!*build)
                return;
            const std::scoped_lock lock(mutex);
            claimed.push_back((*build)->id);
            EXPECT_EQ((*build)->builder, builder);
        }
    };
    {
        std::vector<std::jthread> builders;
        for (const char* name : {"one", "two", "three"})
            builders.emplace_back(claim_all, name);
    }
    EXPECT_EQ(claimed.size(), static_cast<std::size_t>(builds));
    std::sort(claimed.begin(), claimed.end());
    EXPECT_EQ(std::unique(claimed.begin(), claimed.end()), claimed.end());
}

TEST_P(BuildRepositoryTest, TakesNothingFromABuilderWhoseBuildWasTakenOver)
{
    add("a");
    auto stale = **repository_->claim("one");
    EXPECT_EQ(repository_->running_at("one")->size(), 1U);
    ASSERT_TRUE(repository_->requeue(stale, stale.attempts, event("silent")));
    stale.state = BuildState::succeeded;
    EXPECT_EQ(repository_->finish(stale).error().kind, FailureKind::conflict);
    const auto current = **repository_->claim("two");
    EXPECT_EQ(current.attempts, 2);
    for (const auto& refused : {repository_->finish(stale), repository_->append(stale, {event("stale")}),
                                repository_->set_phase(stale, "store"), repository_->set_image(stale),
                                repository_->requeue(stale, 0, event("stale"))}) {
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind, FailureKind::conflict);
        EXPECT_EQ(refused.error().message, "build a is no longer this builder's");
    }
    EXPECT_EQ((*repository_->find("a", own))->builder, "two");
    EXPECT_EQ(repository_->events(current, 1, 10)->size(), 1U);
    auto ended = current;
    ended.state = BuildState::succeeded;
    ASSERT_TRUE(repository_->finish(ended));
    EXPECT_EQ(repository_->finish(ended).error().kind, FailureKind::conflict) << "it ends once";
}

TEST_P(BuildRepositoryTest, TellsItsBuilderAloneThatABuildIsToBeStopped)
{
    add("a");
    const auto build = **repository_->claim("one");
    EXPECT_TRUE(repository_->to_be_stopped("one")->empty());
    ASSERT_TRUE(repository_->ask_to_stop(build));
    EXPECT_EQ(repository_->to_be_stopped("one").value(), (std::vector<BuildRun>{{"a", 1}}));
    EXPECT_TRUE(repository_->to_be_stopped("two")->empty());
}

TEST_P(BuildRepositoryTest, AddsABuildThatIsToBeAloneWhenNoneOfItsLineIsUnderWay)
{
    add("web");
    BuildRecord build;
    build.id = "second";
    build.spec = {{"name", "web"}};
    EXPECT_EQ(repository_->add(build, {}, true).error().kind, FailureKind::conflict);
    auto first = **repository_->claim();
    EXPECT_EQ(repository_->add(build, {}, true).error().kind, FailureKind::conflict);
    first.state = BuildState::succeeded;
    ASSERT_TRUE(repository_->finish(first));
    EXPECT_TRUE(repository_->add(build, {event("told")}, true));
    EXPECT_EQ(repository_->events(build, 1, 10)->size(), 1U);
}

TEST_P(BuildRepositoryTest, AProjectWithManyBuildsDoesNotHoldUpAnother)
{
    for (const char* id : {"a1", "a2", "a3"})
        add(id, "digest", "a");
    add("b1", "digest", "b");
    EXPECT_EQ((*repository_->claim())->id, "a1");
    EXPECT_EQ((*repository_->claim())->id, "b1");
    EXPECT_EQ((*repository_->claim())->id, "a2");
    EXPECT_EQ(repository_->count(BuildState::queued, "a").value(), 1U);
    EXPECT_EQ(repository_->count(BuildState::queued, "b").value(), 0U);
}

TEST_P(BuildRepositoryTest, PrunesNoOtherProjectsBuilds)
{
    auto other = add("other", "digest", "b");
    other.state = BuildState::succeeded;
    ASSERT_TRUE(repository_->finish(other));
    for (const char* id : {"a1", "a2", "a3"}) {
        auto build = add(id, "digest", "a");
        build.state = BuildState::cancelled;
        ASSERT_TRUE(repository_->finish(build));
        ASSERT_TRUE(repository_->prune("a", 1));
    }
    EXPECT_TRUE(*repository_->find("other", Scope{"b", false}));
    EXPECT_FALSE(*repository_->find("a2", Scope{"a", false}));
    EXPECT_TRUE(*repository_->find("a3", Scope{"a", false}));
}

TEST_P(BuildRepositoryTest, RequeuesWithAnEvent)
{
    add("a");
    const auto build = **repository_->claim();
    ASSERT_TRUE(repository_->requeue(build, 1, event("why")));
    EXPECT_EQ(repository_->events(build, 1, 10)->back().text, "why");
    EXPECT_EQ((*repository_->claim())->attempts, 2);
}

TEST_P(BuildRepositoryTest, NumbersEventsWithoutGapsAndEndsThem)
{
    auto build = add("a");
    ASSERT_TRUE(repository_->append(build, {event("one"), event("two")}));
    ASSERT_TRUE(repository_->append(build, {event(std::string("nul\0 and \xff", 10))}));
    build.state = BuildState::succeeded;
    build.image = "sha256:11";
    ASSERT_TRUE(repository_->finish(build));
    const auto events = repository_->events(build, 2, 10).value();
    ASSERT_EQ(events.size(), 3U);
    EXPECT_EQ(events[0].n, 2);
    EXPECT_EQ(events[2].n, 4);
    EXPECT_EQ(events[2].kind, "end");
    EXPECT_EQ(events[2].state, "succeeded");
    EXPECT_EQ(events[2].image, "sha256:11");
    EXPECT_EQ(repository_->events(build, 1, 2)->size(), 2U);
}

TEST_P(BuildRepositoryTest, FindsTheLatestBuildOfARequest)
{
    add("a", "same");
    add("b", "same");
    add("c", "other");
    EXPECT_EQ((*repository_->find_request("", "same", true))->id, "b");
    EXPECT_FALSE(*repository_->find_request("", "same", false));
    EXPECT_FALSE(*repository_->find_request("", "none", true));
}

TEST_P(BuildRepositoryTest, ListsNewestFirstFromAMarker)
{
    for (const char* id : {"a", "b", "c", "d"})
        add(id);
    const auto page = repository_->list(own, "", 2).value();
    ASSERT_EQ(page.size(), 2U);
    EXPECT_EQ(page[0].id, "d");
    const auto rest = repository_->list(own, page[1].id, 10).value();
    ASSERT_EQ(rest.size(), 2U);
    EXPECT_EQ(rest[1].id, "a");
}

TEST_P(BuildRepositoryTest, PrunesEndedBuildsWithTheirEvents)
{
    auto ended = add("ended");
    ended.state = BuildState::cancelled;
    ASSERT_TRUE(repository_->finish(ended));
    add("queued");
    add("newest");
    ASSERT_TRUE(repository_->prune("", 1));
    EXPECT_FALSE(*repository_->find("ended", own));
    EXPECT_TRUE(*repository_->find("queued", own));
    EXPECT_TRUE(repository_->events(ended, 1, 10)->empty());
}

TEST_P(BuildRepositoryTest, SqlInValuesIsOnlyText)
{
    const std::string nasty = "'); DROP TABLE builds; --";
    add(nasty, nasty);
    EXPECT_EQ((*repository_->find(nasty, own))->request_digest, nasty);
}

TEST_P(BuildRepositoryTest, AProjectSeesItsOwnBuildsAlone)
{
    add("a", "same", "p1");
    add("b", "same", "p2");
    add("c", "same", "p1");
    const Scope p1{"p1", false};
    EXPECT_TRUE(*repository_->find("a", p1));
    EXPECT_FALSE(*repository_->find("b", p1));
    EXPECT_TRUE(*repository_->find("b", Scope{"p1", true}));
    EXPECT_EQ((*repository_->find_request("p2", "same", true))->id, "b");
    const auto listed = repository_->list(p1, "", 10).value();
    ASSERT_EQ(listed.size(), 2U);
    EXPECT_EQ(listed[1].id, "a");
    EXPECT_EQ(repository_->list(Scope{"p1", true}, "", 10)->size(), 3U);
}

TEST_P(BuildRepositoryTest, RemembersWhatIsToBePublished)
{
    BuildRecord build;
    build.id = "a";
    build.publish = Publication{.name = "web", .visibility = "shared", .image_id = "1-2", .id_given = true};
    ASSERT_TRUE(repository_->add(build));
    build.image = "sha256:11";
    build.publish->state = PublishState::publishing;
    ASSERT_TRUE(repository_->set_image(build));
    reopen();
    const auto found = **repository_->find("a", own);
    EXPECT_EQ(found.image, "sha256:11");
    ASSERT_TRUE(found.publish);
    EXPECT_EQ(found.publish->name, "web");
    EXPECT_EQ(found.publish->visibility, "shared");
    EXPECT_EQ(found.publish->image_id, "1-2");
    EXPECT_TRUE(found.publish->id_given);
    EXPECT_EQ(repository_->in_publish_state(PublishState::publishing)->size(), 1U);
    EXPECT_TRUE(repository_->in_publish_state(PublishState::removing)->empty());
}

TEST_P(BuildRepositoryTest, KeepsBuildsOfWhichSomethingMayBeInGlance)
{
    auto ended = add("ended");
    ended.state = BuildState::publish_failed;
    ended.publish = Publication{};
    ended.publish->state = PublishState::removing;
    ASSERT_TRUE(repository_->finish(ended));
    add("newest");
    ASSERT_TRUE(repository_->prune("", 1));
    EXPECT_TRUE(*repository_->find("ended", own));
    ended.publish->state = PublishState::failed;
    ASSERT_TRUE(repository_->set_image(ended));
    ASSERT_TRUE(repository_->prune("", 1));
    EXPECT_FALSE(*repository_->find("ended", own));
}

INSTANTIATE_TEST_SUITE_P(Engines, BuildRepositoryTest, test::each_engine, test::engine_name);

}  // namespace
}  // namespace unikernel
