// SPDX-License-Identifier: Apache-2.0
#include "builder_service/builds/build_service.hh"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/util/temporary_directory.hh"

namespace unikernel
{
namespace
{

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

Result<ImageFacts> inspect(const fs::path& file)
{
    const auto digest = sha256_file(file);
    if (!digest)
        return tl::unexpected(digest.error());
    return ImageFacts{fs::file_size(file), to_string(*digest), {{"name", "test"}}};
}

/// A service over a pipeline made of two functions.
class BuildServiceTest : public testing::Test
{
protected:
    void SetUp() override
    {
        store_ = std::move(*ArtifactStore::open(folder_.path(), 0, inspect));
        repository_ = std::move(*BuildRepository::open(folder_.path() / "builds.sqlite"));
        auto incoming = store_->receive();
        ASSERT_TRUE(incoming->write(std::as_bytes(std::span(std::string_view("bundle")))));
        bundle_ = store_->keep_bundle(std::move(*incoming)).value();
        settings_.work = folder_.path() / "work";
        settings_.workers = 1;
    }
    void start()
    {
        const Pipeline pipeline{
            [](const BuildRequest& request, std::string_view) -> Result<std::string> {
                return to_string(sha256(request.spec.dump()));
            },
            [this](const BuildRequest& request, const fs::path& work, BuildObserver& observer,
                   std::stop_token stop) { return build_(request, work, observer, stop); }};
        service_ = std::make_unique<BuildService>(settings_, pipeline, *repository_, *store_);
        ASSERT_TRUE(service_->start());
    }
    Result<BuildService::Submitted> submit(const std::string& name)
    {
        return service_->submit(
            {.spec = {{"name", name}}, .requirements = {}, .bundle = bundle_, .boot_check = true});
    }
    BuildRecord ended(const std::string& id)
    {
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        auto build = service_->find(id).value();
        while (!has_ended(build.state) && std::chrono::steady_clock::now() < deadline) {
            std::this_thread::sleep_for(2ms);
            build = service_->find(id).value();
        }
        return build;
    }
    static BuildOutcome success(const fs::path& work, const std::string& content)
    {
        std::ofstream(work / "image") << "\177ELF" << content;
        BuildOutcome outcome;
        outcome.state = BuildState::succeeded;
        outcome.image = work / "image";
        return outcome;
    }

    TemporaryDirectory folder_ = std::move(*TemporaryDirectory::create());
    BuildSettings settings_;
    std::unique_ptr<ArtifactStore> store_;
    std::unique_ptr<BuildRepository> repository_;
    std::string bundle_;
    std::function<BuildOutcome(const BuildRequest&, const fs::path&, BuildObserver&, std::stop_token)>
        build_ = [](const BuildRequest& request, const fs::path& work, BuildObserver&,
                    const std::stop_token&) { return success(work, request.spec.dump()); };
    std::unique_ptr<BuildService> service_;  // last: it uses all of the above
};

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
    const auto unknown = service_->submit(
        {.spec = {{"name", "a"}}, .requirements = {}, .bundle = to_string(sha256("no")), .boot_check = true});
    EXPECT_EQ(unknown.error().kind, FailureKind::not_found);
    service_->refuse_new();
    EXPECT_EQ(submit("a").error().kind, FailureKind::unavailable);
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
    EXPECT_EQ((*repository_->find(id))->state, BuildState::queued);
    build_ = [](const BuildRequest&, const fs::path& work, BuildObserver&, const std::stop_token&) {
        return success(work, "later");
    };
    start();
    const auto build = ended(id);
    EXPECT_EQ(build.state, BuildState::succeeded) << build.error;
    EXPECT_EQ(build.attempts, 1);
    EXPECT_THAT(service_->events(build, 1, 10)->at(1).text, HasSubstr("stopped during phase compile"));
}

}  // namespace
}  // namespace unikernel
