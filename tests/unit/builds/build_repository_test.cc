// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/build_repository.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <soci/sqlite3/soci-sqlite3.h>

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
        database_.reset();
        auto opened = Database::open(folder_.path() / "with space.sqlite");
        ASSERT_TRUE(opened) << opened.error().message;
        database_ = std::move(*opened);
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

    TemporaryDirectory folder_ = std::move(*TemporaryDirectory::create());
    std::unique_ptr<Database> database_;
    std::unique_ptr<BuildRepository> repository_;
};

const Scope own{"", false};

TEST_F(BuildRepositoryTest, RemembersBuildsAcrossOpening)
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

TEST_F(BuildRepositoryTest, AbsentIsNoFailure)
{
    const auto found = repository_->find("nobody", own);
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
    EXPECT_EQ((*repository_->find("a", own))->attempts, 1);
    EXPECT_EQ((*repository_->find("a", own))->state, BuildState::running);
}

TEST_F(BuildRepositoryTest, AProjectWithManyBuildsDoesNotHoldUpAnother)
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

TEST_F(BuildRepositoryTest, PrunesNoOtherProjectsBuilds)
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
    EXPECT_EQ((*repository_->find_request("", "same", true))->id, "b");
    EXPECT_FALSE(*repository_->find_request("", "same", false));
    EXPECT_FALSE(*repository_->find_request("", "none", true));
}

TEST_F(BuildRepositoryTest, ListsNewestFirstFromAMarker)
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

TEST_F(BuildRepositoryTest, PrunesEndedBuildsWithTheirEvents)
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

TEST_F(BuildRepositoryTest, SqlInValuesIsOnlyText)
{
    const std::string nasty = "'); DROP TABLE builds; --";
    add(nasty, nasty);
    EXPECT_EQ((*repository_->find(nasty, own))->request_digest, nasty);
}

TEST_F(BuildRepositoryTest, AProjectSeesItsOwnBuildsAlone)
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

TEST_F(BuildRepositoryTest, RemembersWhatIsToBePublished)
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

TEST_F(BuildRepositoryTest, KeepsBuildsOfWhichSomethingMayBeInGlance)
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

TEST_F(BuildRepositoryTest, BringsTheTablesOfTheFirstVersionsUpToDate)
{
    repository_.reset();
    database_.reset();
    const auto file = folder_.path() / "old.sqlite";
    {
        soci::session sql(soci::sqlite3, "db=" + file.string());
        sql << "CREATE TABLE builds (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
               " created TEXT NOT NULL, updated TEXT NOT NULL, state TEXT NOT NULL, request_digest TEXT NOT "
               "NULL,"
               " bundle TEXT NOT NULL, spec TEXT NOT NULL, requirements TEXT NOT NULL,"
               " boot_check INTEGER NOT NULL, phase TEXT NOT NULL DEFAULT '', phases TEXT NOT NULL DEFAULT "
               "'[]',"
               " error TEXT NOT NULL DEFAULT '', image TEXT NOT NULL DEFAULT '',"
               " attempts INTEGER NOT NULL DEFAULT 0, compiled INTEGER NOT NULL DEFAULT 0,"
               " cached INTEGER NOT NULL DEFAULT 0)";
        sql << "CREATE INDEX builds_by_request ON builds (request_digest, number)";
        sql << "CREATE TABLE events (build INTEGER NOT NULL, n INTEGER NOT NULL, time TEXT NOT NULL,"
               " phase TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, state TEXT NOT NULL,"
               " image TEXT NOT NULL, error TEXT NOT NULL, PRIMARY KEY (build, n)) WITHOUT ROWID";
        sql << "INSERT INTO builds (id, created, updated, state, request_digest, bundle, spec, requirements,"
               " boot_check) VALUES ('old', 't', 't', 'succeeded', 'd', 'b', '{}', '[]', 1)";
        sql << "PRAGMA user_version = 2";
    }
    auto opened = Database::open(file);
    ASSERT_TRUE(opened) << opened.error().message;
    BuildRepository repository(**opened);
    const auto found = repository.find("old", own);
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->project, "");
    EXPECT_FALSE((*found)->publish);
}

TEST_F(BuildRepositoryTest, RefusesTheTablesOfANewerVersion)
{
    const auto file = folder_.path() / "new.sqlite";
    {
        soci::session sql(soci::sqlite3, "db=" + file.string());
        sql << "PRAGMA user_version = 99";
    }
    const auto opened = Database::open(file);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, FailureKind::conflict);
    EXPECT_THAT(opened.error().message, testing::HasSubstr("newer version"));
}

TEST(BuildRepositoryOpening, RefusesWhatIsNoDatabase)
{
    const auto folder = TemporaryDirectory::create();
    ASSERT_TRUE(folder);
    ASSERT_TRUE(write_file(folder->path() / "builds.sqlite", std::string(5000, 'x')));
    EXPECT_FALSE(Database::open(folder->path() / "builds.sqlite"));
    EXPECT_FALSE(Database::open(folder->path() / "none" / "builds.sqlite"));
}

}  // namespace
}  // namespace unikernel
