// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/build_repository.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/util/file.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel
{
namespace
{

class BuildRepositoryTest : public testing::Test
{
protected:
    void SetUp() override { reopen(); }
    void reopen()
    {
        repository_.reset();
        auto opened = BuildRepository::open(folder_.path() / "with space.sqlite");
        ASSERT_TRUE(opened) << opened.error().message;
        repository_ = std::move(*opened);
    }
    BuildRecord add(const std::string& id, const std::string& digest = "digest")
    {
        BuildRecord build;
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

    TemporaryDirectory folder_ = std::move(*TemporaryDirectory::create());
    std::unique_ptr<BuildRepository> repository_;
};

TEST_F(BuildRepositoryTest, RemembersBuildsAcrossOpening)
{
    auto build = add("a");
    build.state = BuildState::compile_failed;
    build.error = "quote ' and \"double\" and ünïcode";
    build.phases = {{{"phase", "plan"}, {"milliseconds", 1.5}}};
    build.objects_compiled = 3;
    ASSERT_TRUE(repository_->finish(build));
    reopen();
    const auto found = repository_->find("a");
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->state, BuildState::compile_failed);
    EXPECT_EQ((*found)->error, build.error);
    EXPECT_EQ((*found)->phases, build.phases);
    EXPECT_EQ((*found)->spec["name"], "a");
    EXPECT_EQ((*found)->objects_compiled, 3U);
    EXPECT_TRUE((*found)->boot_check);
}

TEST_F(BuildRepositoryTest, AbsentIsNoFailure)
{
    const auto found = repository_->find("nobody");
    ASSERT_TRUE(found);
    EXPECT_FALSE(*found);
}

TEST_F(BuildRepositoryTest, RefusesTheSameIdTwice)
{
    add("a");
    BuildRecord again;
    again.id = "a";
    EXPECT_FALSE(repository_->add(again));
    EXPECT_EQ(repository_->count(BuildState::queued).value(), 1U);
}

TEST_F(BuildRepositoryTest, ClaimsTheOldestQueuedBuildOnce)
{
    add("a");
    add("b");
    EXPECT_EQ((*repository_->claim())->id, "a");
    EXPECT_EQ((*repository_->claim())->id, "b");
    EXPECT_FALSE(*repository_->claim());
    EXPECT_EQ((*repository_->find("a"))->attempts, 1);
    EXPECT_EQ((*repository_->find("a"))->state, BuildState::running);
}

TEST_F(BuildRepositoryTest, RequeuesWithAnEvent)
{
    add("a");
    const auto build = **repository_->claim();
    ASSERT_TRUE(repository_->requeue(build, 1, event("why")));
    EXPECT_EQ(repository_->events(build, 1, 10)->back().text, "why");
    EXPECT_EQ((*repository_->claim())->attempts, 2);
}

TEST_F(BuildRepositoryTest, NumbersEventsWithoutGapsAndEndsThem)
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

TEST_F(BuildRepositoryTest, FindsTheLatestBuildOfARequest)
{
    add("a", "same");
    add("b", "same");
    add("c", "other");
    EXPECT_EQ((*repository_->find_request("same", true))->id, "b");
    EXPECT_FALSE(*repository_->find_request("same", false));
    EXPECT_FALSE(*repository_->find_request("none", true));
}

TEST_F(BuildRepositoryTest, ListsNewestFirstFromAMarker)
{
    for (const char* id : {"a", "b", "c", "d"})
        add(id);
    const auto page = repository_->list("", 2).value();
    ASSERT_EQ(page.size(), 2U);
    EXPECT_EQ(page[0].id, "d");
    const auto rest = repository_->list(page[1].id, 10).value();
    ASSERT_EQ(rest.size(), 2U);
    EXPECT_EQ(rest[1].id, "a");
}

TEST_F(BuildRepositoryTest, PrunesEndedBuildsWithTheirEvents)
{
    auto ended = add("ended");
    ended.state = BuildState::cancelled;
    ASSERT_TRUE(repository_->finish(ended));
    add("queued");
    add("newest");
    ASSERT_TRUE(repository_->prune(1));
    EXPECT_FALSE(*repository_->find("ended"));
    EXPECT_TRUE(*repository_->find("queued"));
    EXPECT_TRUE(repository_->events(ended, 1, 10)->empty());
}

TEST_F(BuildRepositoryTest, SqlInValuesIsOnlyText)
{
    const std::string nasty = "'); DROP TABLE builds; --";
    add(nasty, nasty);
    EXPECT_EQ((*repository_->find(nasty))->request_digest, nasty);
}

TEST(BuildRepositoryOpening, RefusesWhatIsNoDatabase)
{
    const auto folder = TemporaryDirectory::create();
    ASSERT_TRUE(folder);
    ASSERT_TRUE(write_file(folder->path() / "builds.sqlite", std::string(5000, 'x')));
    EXPECT_FALSE(BuildRepository::open(folder->path() / "builds.sqlite"));
    EXPECT_FALSE(BuildRepository::open(folder->path() / "none" / "builds.sqlite"));
}

}  // namespace
}  // namespace unikernel
