// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "build_service_fixture.hh"

namespace unikernel
{
namespace
{

using test::BuildServiceTest;
using test::everything;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

TEST_F(BuildServiceTest, StoresTheImageOfABuild)
{
    start();
    const auto build = ended(submit("a")->build.id);
    EXPECT_EQ(build.state, BuildState::succeeded) << build.error;
    EXPECT_EQ(store_->image(build.image)->build, build.id);
}

TEST_F(BuildServiceTest, ABuildStartsWithoutDelay)
{
    start();
    std::this_thread::sleep_for(50ms);  // the worker waits by now
    const auto begun = std::chrono::steady_clock::now();
    ended(submit("a")->build.id);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 2s);
}

TEST_F(BuildServiceTest, SurvivesAPipelineThatThrows)
{
    build_ = [](const BuildRequest&, const fs::path&, BuildObserver&,
                const std::stop_token&) -> BuildOutcome { throw std::runtime_error("surprise"); };
    start();
    const auto build = ended(submit("a")->build.id);
    EXPECT_EQ(build.state, BuildState::failed);
    EXPECT_EQ(build.error, "a bug of the builder: surprise");
}

TEST_F(BuildServiceTest, AnImageThatDoesNotVerifyIsNoSuccess)
{
    build_ = [](const BuildRequest&, const fs::path& work, BuildObserver&, const std::stop_token&) {
        auto outcome = success(work, "");
        outcome.image = work / "missing";
        return outcome;
    };
    start();
    const auto build = ended(submit("a")->build.id);
    EXPECT_NE(build.state, BuildState::succeeded);
    EXPECT_TRUE(build.image.empty());
    EXPECT_FALSE(build.error.empty());
}

TEST_F(BuildServiceTest, RunsAsManyAtOnceAsItHasWorkers)
{
    std::atomic<int> now{0};
    std::atomic<int> most{0};
    build_ = [&](const BuildRequest& request, const fs::path& work, BuildObserver&, const std::stop_token&) {
        most = std::max(most.load(), ++now);
        std::this_thread::sleep_for(50ms);
        --now;
        return success(work, request.spec.dump());
    };
    settings_.workers = 3;
    start();
    std::vector<std::string> ids;
    for (int n = 0; n < 9; ++n)
        ids.push_back(submit("app-" + std::to_string(n))->build.id);
    for (const auto& id : ids)
        EXPECT_EQ(ended(id).state, BuildState::succeeded);
    EXPECT_GT(most, 1);
    EXPECT_LE(most, 3);
}

TEST_F(BuildServiceTest, RefusesWhenTheBundleIsUnknownOrItDrains)
{
    start();
    auto wrong = submission("a");
    wrong.bundle = to_string(sha256("no"));
    const auto unknown = service_->submit(wrong);
    EXPECT_EQ(unknown.error().kind, FailureKind::not_found);
    service_->refuse_new();
    EXPECT_EQ(submit("a").error().kind, FailureKind::unavailable);
}

TEST_F(BuildServiceTest, OneProjectCannotTakeAllPlacesOfTheQueue)
{
    build_ = [](const BuildRequest& request, const fs::path& work, BuildObserver&,
                const std::stop_token& stop) {
        while (!stop.stop_requested())
            std::this_thread::sleep_for(1ms);
        return success(work, request.spec.dump());
    };
    settings_.queue = 4;
    start();
    const auto submit_as = [&](const std::string& project, const std::string& name) {
        keep("bundle", project);
        auto wanted = submission(name);
        wanted.project = project;
        return service_->submit(wanted);
    };
    const auto running = submit_as("p1", "runs");
    while (service_->find(running->build.id, everything)->state == BuildState::queued)
        std::this_thread::sleep_for(1ms);
    ASSERT_TRUE(submit_as("p1", "a"));
    ASSERT_TRUE(submit_as("p1", "b"));
    const auto refused = submit_as("p1", "c");
    EXPECT_EQ(refused.error().kind, FailureKind::unavailable);
    EXPECT_THAT(refused.error().message, HasSubstr("2 builds of this project wait already"));
    EXPECT_TRUE(submit_as("p2", "a"));
}

TEST_F(BuildServiceTest, DestroyedInMidBuildItGoesOnLater)
{
    std::atomic<bool> begun{false};
    build_ = [&](const BuildRequest&, const fs::path&, BuildObserver& observer, const std::stop_token& stop) {
        observer.phase(Phase::compile, "compiling");
        begun = true;
        while (!stop.stop_requested())
            std::this_thread::sleep_for(1ms);
        BuildOutcome outcome;
        outcome.state = BuildState::cancelled;
        return outcome;
    };
    start();
    const auto id = submit("a")->build.id;
    while (!begun)
        std::this_thread::sleep_for(1ms);
    service_.reset();
    EXPECT_EQ((*repository_->find(id, everything))->state, BuildState::queued);
    build_ = [](const BuildRequest&, const fs::path& work, BuildObserver&, const std::stop_token&) {
        return success(work, "later");
    };
    start();
    const auto build = ended(id);
    EXPECT_EQ(build.state, BuildState::succeeded) << build.error;
    EXPECT_EQ(build.attempts, 1);
    EXPECT_THAT(service_->events(build, 1, 10)->at(1).text, HasSubstr("stopped during phase compile"));
}

TEST_F(BuildServiceTest, BundlesThatNobodyNeedsGoWhileItRuns)
{
    settings_.prune_interval = 20ms;
    start();
    ended(submit("a")->build.id);
    const auto unused = keep("unused", "");
    const auto file_of = [&](const std::string& digest) {
        return folder_.path() / "bundles" / *digest_hex(digest);
    };
    std::this_thread::sleep_for(50ms);
    EXPECT_TRUE(fs::exists(file_of(unused)));
    for (const auto& digest : {unused, bundle_})
        fs::last_write_time(file_of(digest), fs::file_time_type::clock::now() - 24h * 8);
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (fs::exists(file_of(unused)) && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(5ms);
    EXPECT_FALSE(fs::exists(file_of(unused)));
    EXPECT_TRUE(fs::exists(file_of(bundle_))) << "of the head of a line";
}

TEST_F(BuildServiceTest, ABuildThatItLostAndGotAgainIsTwoRunsThatDoNotMeet)
{
    std::atomic<int> runs{0};
    std::atomic<bool> lost_ended{false};
    fs::path lost_folder;
    build_ = [&](const BuildRequest& request, const fs::path& work, BuildObserver& observer,
                 const std::stop_token& stop) {
        if (request.spec["name"] == "b")
            return success(work, "b");
        std::ofstream(work / "source") << "int main() {}";
        if (runs == 0)
            lost_folder = work;
        if (++runs == 1) {
            while (runs == 1)
                std::this_thread::sleep_for(1ms);
            observer.log("it does not know that it was taken over");
            EXPECT_TRUE(stop.stop_requested());
            lost_ended = true;
            BuildOutcome outcome;
            outcome.state = BuildState::cancelled;
            return outcome;
        }
        while (!lost_ended || fs::exists(lost_folder))
            std::this_thread::sleep_for(1ms);
        EXPECT_FALSE(stop.stop_requested());
        EXPECT_TRUE(fs::exists(work / "source"));
        return success(work, "again");
    };
    settings_.workers = 2;
    settings_.builder = "here";
    start();
    const auto id = submit("a")->build.id;
    while (runs == 0)
        std::this_thread::sleep_for(1ms);
    const auto lost = repository_->running_at("here")->at(0);  // another builder, which hears nothing of it
    ASSERT_TRUE(repository_->requeue(lost, lost.attempts, warning_event(lost, "not heard of any more")));
    ASSERT_TRUE(submit("b"));  // wakes up the other worker
    const auto build = ended(id);
    EXPECT_EQ(build.state, BuildState::succeeded) << build.error;
    EXPECT_EQ(build.attempts, 2);
}

/// A build whose end no longer fits on the disk.
class FullDiskTest : public BuildServiceTest
{
protected:
    void fill_disk()
    {
        ASSERT_TRUE(database_->transact(false, [](soci::session& sql) {
            sql << "CREATE TRIGGER full_disk BEFORE UPDATE OF state ON builds"
                   " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END";
        }));
    }
    void make_room()
    {
        ASSERT_TRUE(database_->transact(false, [](soci::session& sql) { sql << "DROP TRIGGER full_disk"; }));
    }
    std::string begin_build()
    {
        build_ = [this](const BuildRequest&, const fs::path&, BuildObserver&, const std::stop_token&) {
            begun_ = true;
            while (!full_)
                std::this_thread::sleep_for(1ms);
            return BuildOutcome{};
        };
        start();
        auto id = submit("a")->build.id;
        while (!begun_)
            std::this_thread::sleep_for(1ms);
        fill_disk();
        full_ = true;
        std::this_thread::sleep_for(200ms);
        return id;
    }
    std::atomic<bool> begun_{false}, full_{false};
};

TEST_F(FullDiskTest, TheEndOfABuildIsStoredWhenThereIsRoomAgain)
{
    const auto id = begin_build();
    EXPECT_EQ(service_->find(id, everything)->state, BuildState::running);
    EXPECT_FALSE(service_->idle());
    make_room();
    EXPECT_EQ(ended(id).state, BuildState::failed);
}

TEST_F(FullDiskTest, AServiceThatEndsLeavesTheBuildToItsNextStart)
{
    const auto id = begin_build();
    ASSERT_TRUE(service_->cancel(id, everything));
    service_.reset();
    EXPECT_EQ((*repository_->find(id, everything))->state, BuildState::running);
    make_room();
    start();
    EXPECT_EQ(ended(id).attempts, 2);
}

TEST_F(BuildServiceTest, ProjectsDoNotShareBuildsAndSeeTheirOwn)
{
    start();
    ASSERT_EQ(keep("bundle", "p1"), bundle_);
    auto wanted = submission("a");
    wanted.project = "p1";
    const auto of_p1 = service_->submit(wanted).value();
    const auto of_none = submit("a").value();
    EXPECT_NE(of_p1.build.id, of_none.build.id);
    EXPECT_EQ(ended(of_p1.build.id).image, ended(of_none.build.id).image) << "the bytes are the same";
    EXPECT_EQ(service_->find(of_p1.build.id, Scope{"p2", false}).error().kind, FailureKind::not_found);
    EXPECT_EQ(service_->cancel(of_p1.build.id, Scope{"p2", false}).error().kind, FailureKind::not_found);
    EXPECT_EQ(service_->submit(wanted)->build.id, of_p1.build.id);
    wanted.project = "p2";
    EXPECT_EQ(service_->submit(wanted).error().kind, FailureKind::not_found) << "p2 did not send the bundle";
}

TEST_F(BuildServiceTest, StoredRequirementsGoIntoTheBuildsTheyApplyTo)
{
    start();
    const auto add = [&](std::optional<std::string> project, const std::string& name,
                         nlohmann::json selector) {
        return requirements_->create(
            {std::move(project), ""},
            {{"name", name}, {"applies_to", std::move(selector)}, {"modules", {{"console", nullptr}}}},
            {"u"});
    };
    ASSERT_TRUE(add(std::nullopt, "for-all", {{"everything", true}}));
    ASSERT_TRUE(add("", "for-a", {{"images", {"a"}}}));
    ASSERT_TRUE(add("other", "of-others", {{"everything", true}}));
    auto wanted = submission("a");
    wanted.requirement_names = {"for-a"};
    const auto submitted = service_->submit(wanted);
    ASSERT_TRUE(submitted) << submitted.error().message;
    ASSERT_EQ(submitted->build.applied.size(), 2U);
    EXPECT_EQ(submitted->build.requirements.size(), 2U);
    ended(submitted->build.id);
    const auto events = service_->events(submitted->build, 1, 10).value();
    EXPECT_EQ(events.at(0).text,
              "requirement for-a, revision 1, of this service: it applies to image a, and the "
              "request names it");
    EXPECT_EQ(events.at(1).text, "requirement for-all, revision 1, global: it applies to everything");

    const auto again = service_->submit(wanted);
    EXPECT_EQ(again->build.id, submitted->build.id);
    ASSERT_TRUE(requirements_->replace(requirements_->find("", "", "for-a").value(),
                                       {{"name", "for-a"},
                                        {"applies_to", {{"images", {"a"}}}},
                                        {"modules", {{"console", {{"speed", 9600}}}}}},
                                       {"u"}));
    EXPECT_NE(service_->submit(wanted)->build.id, submitted->build.id) << "a new revision is a new request";
    wanted.spec["name"] = "b";
    EXPECT_EQ(service_->submit(wanted).error().kind, FailureKind::conflict);
    wanted.requirement_names = {"for-b"};
    EXPECT_EQ(service_->submit(wanted).error().message, "there is no requirement for-b; did you mean for-a?");
}

/// Publishing in place of Glance: what BuildService does about it.
class PublishTest : public BuildServiceTest
{
protected:
    void SetUp() override
    {
        BuildServiceTest::SetUp();
        publishing_.publish = [this](BuildRecord& build, const StoredImage& image, BuildObserver&,
                                     const std::stop_token& stop) {
            EXPECT_EQ(image.digest, build.image);
            return publish_(build, stop);
        };
        publishing_.leftovers = [this] { ++leftovers_; };
    }
    Result<BuildService::Submitted> submit_published(const std::string& name)
    {
        auto wanted = submission(name);
        wanted.publish = Publication{};
        return service_->submit(wanted);
    }
    std::function<Result<void>(BuildRecord&, const std::stop_token&)> publish_ = [](BuildRecord& build,
                                                                                    const std::stop_token&) {
        build.publish->state = PublishState::active;
        return Result<void>{};
    };
    std::atomic<int> leftovers_{0};
};

TEST_F(PublishTest, PublishesAfterTheImageWasStored)
{
    start();
    const auto build = ended(submit_published("web")->build.id);
    EXPECT_EQ(build.state, BuildState::succeeded) << build.error;
    EXPECT_EQ(build.publish->state, PublishState::active);
    EXPECT_EQ(build.publish->name, "web") << "the spec's name, as none was given";
    EXPECT_EQ(build.publish->image_id.size(), 36U);
    EXPECT_EQ(build.phase, "publish");
}

TEST_F(PublishTest, AnImageThatIsThereIsOnlyPublished)
{
    std::atomic<int> built{0};
    build_ = [&](const BuildRequest& request, const fs::path& work, BuildObserver&, const std::stop_token&) {
        ++built;
        return success(work, request.spec.dump());
    };
    start();
    const auto first = ended(submit("web")->build.id);
    const auto second = ended(submit_published("web")->build.id);
    EXPECT_NE(first.id, second.id);
    EXPECT_EQ(first.image, second.image);
    EXPECT_EQ(second.publish->state, PublishState::active);
    EXPECT_EQ(built, 1);
}

TEST_F(PublishTest, WhatFailsInTheMiddleIsLeftToBeRemoved)
{
    publish_ = [](BuildRecord& build, const std::stop_token&) -> Result<void> {
        build.publish->state = PublishState::publishing;
        return fail(FailureKind::unavailable, "Glance is away");
    };
    start();
    const auto before = leftovers_.load();
    const auto build = ended(submit_published("web")->build.id);
    EXPECT_EQ(build.state, BuildState::publish_failed);
    EXPECT_EQ(build.error, "Glance is away");
    EXPECT_EQ(build.publish->state, PublishState::removing);
    EXPECT_FALSE(build.image.empty()) << "it was built";
    service_.reset();  // the end is stored first, then told
    EXPECT_GT(leftovers_, before);
}

TEST_F(PublishTest, ACancelledOneIsLeftToBeRemoved)
{
    std::atomic<bool> begun{false};
    publish_ = [&](BuildRecord& build, const std::stop_token& stop) -> Result<void> {
        build.publish->state = PublishState::publishing;
        begun = true;
        while (!stop.stop_requested())
            std::this_thread::sleep_for(1ms);
        return fail(FailureKind::cancelled, "stopped");
    };
    start();
    const auto id = submit_published("web")->build.id;
    while (!begun)
        std::this_thread::sleep_for(1ms);
    ASSERT_TRUE(service_->cancel(id, everything));
    const auto build = ended(id);
    EXPECT_EQ(build.state, BuildState::cancelled);
    EXPECT_EQ(build.error, "cancelled during phase publish");
    EXPECT_EQ(build.publish->state, PublishState::removing);
}

TEST_F(PublishTest, StoppedInTheMiddleItGoesOnWithPublishingAlone)
{
    std::atomic<bool> begun{false};
    publish_ = [&](BuildRecord& build, const std::stop_token& stop) -> Result<void> {
        build.publish->state = PublishState::publishing;
        EXPECT_TRUE(repository_->set_image(build));
        begun = true;
        while (!stop.stop_requested())
            std::this_thread::sleep_for(1ms);
        return fail(FailureKind::cancelled, "stopped");
    };
    start();
    const auto id = submit_published("web")->build.id;
    while (!begun)
        std::this_thread::sleep_for(1ms);
    service_.reset();
    build_ = [](const BuildRequest&, const fs::path&, BuildObserver&,
                const std::stop_token&) -> BuildOutcome { throw std::runtime_error("built again"); };
    std::string image_id;
    publish_ = [&](BuildRecord& build, const std::stop_token&) -> Result<void> {
        EXPECT_EQ(build.publish->state, PublishState::publishing) << "it knows that something may be there";
        image_id = build.publish->image_id;
        build.publish->state = PublishState::active;
        return {};
    };
    start();
    const auto build = ended(id);
    EXPECT_EQ(build.state, BuildState::succeeded) << build.error;
    EXPECT_EQ(build.publish->image_id, image_id);
}

TEST_F(PublishTest, IsRefusedWithoutGlance)
{
    publishing_ = {};
    start();
    EXPECT_EQ(submit_published("web").error().kind, FailureKind::invalid);
}

}  // namespace
}  // namespace unikernel
