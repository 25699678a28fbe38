// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "builder_service/builds/build_service.hh"
#include "common/util/digest.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel::test
{

namespace fs = std::filesystem;

inline Result<ImageFacts> inspect(const fs::path& file)
{
    const auto digest = sha256_file(file);
    if (!digest)
        return tl::unexpected(digest.error());
    return ImageFacts{fs::file_size(file), to_string(*digest), {{"name", "test"}}};
}

inline const Scope everything{"", true};

/// A service over a pipeline made of two functions.
class BuildServiceTest : public testing::Test
{
protected:
    void SetUp() override
    {
        store_ = std::move(*ArtifactStore::open(folder_.path(), 0, inspect));
        database_ = std::move(*Database::open(folder_.path() / "builds.sqlite"));
        repository_ = std::make_unique<BuildRepository>(*database_);
        owners_ = std::make_unique<OwnerRepository>(*database_);
        catalog_ = std::make_unique<ArtifactCatalog>(*store_, *owners_);
        revisions_ = std::make_unique<RequirementRepository>(*database_);
        requirements_ = std::make_unique<RequirementService>(
            *revisions_, [](const nlohmann::json&) { return Result<void>{}; });
        bundle_ = keep("bundle", "");
        settings_.work = folder_.path() / "work";
        settings_.workers = 1;
    }
    std::string keep(std::string_view content, const std::string& project)
    {
        auto incoming = catalog_->receive();
        EXPECT_TRUE(incoming->write(std::as_bytes(std::span(content))));
        return catalog_->keep_bundle(std::move(*incoming), project).value();
    }
    void start()
    {
        const Pipeline pipeline{
            [](const BuildRequest& request, std::string_view) -> Result<std::string> {
                return to_string(sha256(request.spec.dump() + nlohmann::json(request.requirements).dump()));
            },
            [this](const BuildRequest& request, const fs::path& work, BuildObserver& observer,
                   std::stop_token stop) { return build_(request, work, observer, stop); },
            {},
            {}};
        service_ = std::make_unique<BuildService>(settings_, pipeline, publishing_, *repository_, *catalog_,
                                                  *requirements_);
        ASSERT_TRUE(service_->start());
    }
    BuildService::Submission submission(const std::string& name) const
    {
        return {.bundle = bundle_, .spec = {{"name", name}}, .requirements = {}, .requirement_names = {}};
    }
    Result<BuildService::Submitted> submit(const std::string& name)
    {
        return service_->submit(submission(name));
    }
    BuildRecord ended(const std::string& id)
    {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        auto build = service_->find(id, everything).value();
        while (!has_ended(build.state) && std::chrono::steady_clock::now() < deadline) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            build = service_->find(id, everything).value();
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
    std::unique_ptr<Database> database_;
    std::unique_ptr<BuildRepository> repository_;
    std::unique_ptr<OwnerRepository> owners_;
    std::unique_ptr<ArtifactCatalog> catalog_;
    std::unique_ptr<RequirementRepository> revisions_;
    std::unique_ptr<RequirementService> requirements_;
    Publishing publishing_;
    std::string bundle_;
    std::function<BuildOutcome(const BuildRequest&, const fs::path&, BuildObserver&, std::stop_token)>
        build_ = [](const BuildRequest& request, const fs::path& work, BuildObserver&,
                    const std::stop_token&) { return success(work, request.spec.dump()); };
    std::unique_ptr<BuildService> service_;  // last: it uses all of the above
};

}  // namespace unikernel::test
