// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "builder_service/cli/backend.hh"

namespace unikernel::cli
{
namespace
{

/// A backend that knows three images.
class FakeBackend final : public Backend
{
public:
    Result<BuildReport> build(const BuildJob&, BuildObserver&, std::stop_token) override
    {
        return BuildReport{};
    }
    Result<std::vector<ImageEntry>> images() override
    {
        return std::vector<ImageEntry>{
            {"sha256:aaaaaa11" + std::string(56, '0'), "2026-01-01T00:00:00Z", {{"name", "hello"}}},
            {"sha256:aaaaaa22" + std::string(56, '0'), "2026-01-02T00:00:00Z", {{"name", "hello"}}},
            {"sha256:bbbbbb33" + std::string(56, '0'), "2026-01-03T00:00:00Z", {{"name", "other"}}}};
    }
    Result<void> fetch(const std::string&, const std::filesystem::path&) override { return {}; }
    Result<nlohmann::json> modules() override { return nlohmann::json::array(); }
    Result<nlohmann::json> module(const std::string&) override { return nlohmann::json::object(); }
    Result<nlohmann::json> platforms() override { return nlohmann::json::array(); }
    Result<nlohmann::json> repositories() override { return nlohmann::json::array(); }
    std::string flags() const override { return ""; }
};

TEST(FindImage, takes_the_newest_of_a_name)
{
    FakeBackend backend;
    EXPECT_EQ(find_image(backend, "hello").value().substr(0, 15), "sha256:aaaaaa22");
}

TEST(FindImage, takes_a_digest_or_its_beginning)
{
    FakeBackend backend;
    EXPECT_EQ(find_image(backend, "sha256:bbbbbb").value().substr(0, 15), "sha256:bbbbbb33");
    EXPECT_EQ(find_image(backend, "bbbbbb33").value().substr(0, 15), "sha256:bbbbbb33");
    EXPECT_EQ(find_image(backend, "aaaaaa").error().message, "2 images begin with aaaaaa; give more digits");
    EXPECT_EQ(find_image(backend, "bbb").error().kind, FailureKind::not_found) << "too short to be meant";
}

TEST(FindImage, suggests_the_nearest_name)
{
    FakeBackend backend;
    EXPECT_EQ(find_image(backend, "helo").error().message,
              "\"helo\" is neither a file nor the name or digest of a stored image; did you mean hello?");
}

}  // namespace
}  // namespace unikernel::cli
