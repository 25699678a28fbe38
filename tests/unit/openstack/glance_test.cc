// SPDX-License-Identifier: Apache-2.0
#include "builder_service/openstack/glance.hh"

#include <algorithm>
#include <mutex>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/openstack/fake_server.hh"

namespace unikernel
{
namespace
{

using nlohmann::json;

/// Keystone and Glance in one. The images come in pages of two.
class GlanceTest : public testing::Test
{
protected:
    FakeServer::Response answer(const FakeServer::Request& request)
    {
        if (request.target() == "/v3/auth/tokens") {
            auto token = FakeServer::reply(
                201, json{{"token", {{"expires_at", "2999-01-01T00:00:00.000000Z"}}}}.dump());
            token.set("X-Subject-Token", "token");
            return token;
        }
        const std::string target(request.target());
        const std::scoped_lock lock(mutex_);
        asked_.push_back(target);
        const auto given = target.find("&marker=");
        const std::size_t first = given == std::string::npos ? 0 : std::stoul(target.substr(given + 8)) + 1;
        json body = {{"images", json::array()}};
        for (auto n = first; n < std::min(first + 2, images_); ++n)
            body["images"].push_back({{"id", std::to_string(n)}, {"size", 10 * (n + 1)}});
        if (first + 2 < images_)
            body["next"] = "/v2/images?marker=" + std::to_string(first + 1);
        return FakeServer::reply(200, body.dump());
    }
    std::vector<std::uint64_t> sizes()
    {
        Account account;
        account.auth_url = server_.url() + "/v3";
        account.user = {.name = "builder", .id = {}};
        account.user_domain = {.name = "Default", .id = {}};
        account.password = "pass-word";
        account.project = {.name = {}, .id = "p1"};
        account.retries = 0;
        const auto session = std::move(*Session::create(account));
        Glance glance(*session, {.endpoint_override = server_.url(), .region = {}});
        const auto images = glance.list({{"owner", "p1"}}, {});
        std::vector<std::uint64_t> found;
        for (const auto& image : images.value())
            found.push_back(image.bytes);
        return found;
    }

    std::size_t images_ = 0;
    std::mutex mutex_;
    std::vector<std::string> asked_;
    FakeServer server_{[this](const FakeServer::Request& request) { return answer(request); }};
};

TEST_F(GlanceTest, lists_page_after_page_to_the_last)
{
    EXPECT_THAT(sizes(), testing::IsEmpty());
    images_ = 5;
    EXPECT_THAT(sizes(), testing::ElementsAre(10, 20, 30, 40, 50));
    EXPECT_THAT(asked_,
                testing::ElementsAre("/v2/images?limit=1000&owner=p1", "/v2/images?limit=1000&owner=p1",
                                     "/v2/images?limit=1000&owner=p1&marker=1",
                                     "/v2/images?limit=1000&owner=p1&marker=3"));
}

}  // namespace
}  // namespace unikernel
