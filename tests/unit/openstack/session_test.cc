// SPDX-License-Identifier: Apache-2.0
#include "builder_service/openstack/session.hh"

#include <atomic>
#include <mutex>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/openstack/fake_server.hh"

namespace unikernel
{
namespace
{

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr auto far = "2999-01-01T00:00:00.000000Z";

class SessionTest : public testing::Test
{
protected:
    FakeServer::Response issue(const FakeServer::Request& request)
    {
        EXPECT_EQ(request.target(), "/v3/auth/tokens");
        asked_ = nlohmann::json::parse(request.body());
        ++issued_;
        if (status_ != 201)
            return FakeServer::reply(status_, R"({"error":{"code":401,"message":"not you"}})");
        const nlohmann::json body = {
            {"token",
             {{"expires_at", expires_},
              {"catalog",
               {{{"type", "image"},
                 {"endpoints",
                  {{{"interface", "public"}, {"region_id", "a"}, {"url", "http://a/"}},
                   {{"interface", "internal"}, {"region_id", "b"}, {"url", "http://b"}}}}}}}}}};
        auto response = FakeServer::reply(201, body.dump());
        response.set("X-Subject-Token", "token-" + std::to_string(issued_));
        return response;
    }
    Account account() const
    {
        Account account;
        account.auth_url = server_.url() + "/v3/";
        account.user = {.name = "builder", .id = {}};
        account.user_domain = {.name = "Default", .id = {}};
        account.password = "pass-word";
        account.project = {.name = {}, .id = "p1"};
        account.retries = 0;
        return account;
    }
    std::unique_ptr<Session> session() const { return std::move(*Session::create(account())); }

    std::atomic<int> issued_{0};
    unsigned status_ = 201;
    std::string expires_ = far;
    nlohmann::json asked_;
    FakeServer server_{[this](const FakeServer::Request& request) { return issue(request); }};
};

TEST_F(SessionTest, AsksForATokenOnceByNamesOrIds)
{
    const auto one = session();
    EXPECT_EQ(one->token().value(), "token-1");
    EXPECT_EQ(one->token().value(), "token-1");
    EXPECT_EQ(issued_, 1);
    const auto user =
        nlohmann::json{{"name", "builder"}, {"domain", {{"name", "Default"}}}, {"password", "pass-word"}};
    EXPECT_EQ(asked_["auth"]["identity"]["password"]["user"], user);
    EXPECT_EQ(asked_["auth"]["scope"]["project"], (nlohmann::json{{"id", "p1"}}));
}

TEST_F(SessionTest, AsksAgainAMinuteBeforeTheEnd)
{
    std::time_t soon = std::time(nullptr) + 50;
    char text[40];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000000Z", std::gmtime(&soon));
    expires_ = text;
    const auto one = session();
    EXPECT_EQ(one->token().value(), "token-1");
    EXPECT_EQ(one->token().value(), "token-2");
}

TEST_F(SessionTest, RenewsATokenThatIsRefusedOnce)
{
    std::vector<std::string> used;
    const auto one = session();
    const auto answer = one->authorized([&](const std::string& token) -> Result<RestClient::Answer> {
        used.push_back(token);
        return RestClient::Answer{.status = 401, .headers = {}, .text = {}};
    });
    EXPECT_EQ(answer->status, 401);
    EXPECT_EQ(used, (std::vector<std::string>{"token-1", "token-2"}));
}

TEST_F(SessionTest, SaysWhyThereIsNoTokenWithoutThePassword)
{
    status_ = 401;
    const auto token = session()->token();
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().kind, FailureKind::unavailable);
    EXPECT_THAT(token.error().message, AllOf(HasSubstr("'builder'"), HasSubstr("'p1'"), HasSubstr("not you"),
                                             HasSubstr("[keystone_authtoken]"), Not(HasSubstr("pass-word"))));
}

TEST_F(SessionTest, FindsEndpoints)
{
    const auto one = session();
    EXPECT_EQ(one->endpoint({.type = "image", .region = {}}).value(), "http://a");
    EXPECT_EQ(one->endpoint({.type = "image", .interface = "internal", .region = "b"}).value(), "http://b");
    EXPECT_EQ(one->endpoint({.type = "image", .region = "b"}).error().kind, FailureKind::not_found);
    EXPECT_EQ(one->endpoint({.type = "compute", .region = {}}).error().kind, FailureKind::not_found);
}

TEST_F(SessionTest, NamesTheKeyThatIsMissing)
{
    auto half = account();
    half.password.clear();
    EXPECT_THAT(Session::create(half).error().message, HasSubstr("[keystone_authtoken] password is missing"));
    half = account();
    half.project = {.name = "service", .id = {}};
    EXPECT_THAT(Session::create(half).error().message, HasSubstr("project_domain_name is missing"));
}

TEST(KeystoneTime, IsUtcUnlessItSaysAnotherZone)
{
    EXPECT_EQ(std::chrono::system_clock::to_time_t(*parse_time("1970-01-02T00:00:01.999999Z")), 86401);
    EXPECT_EQ(std::chrono::system_clock::to_time_t(*parse_time("1970-01-01T00:00:00Z")), 0);
    EXPECT_EQ(std::chrono::system_clock::to_time_t(*parse_time("1970-01-01T00:00:01")), 1);
    EXPECT_EQ(std::chrono::system_clock::to_time_t(*parse_time("1970-01-01T02:00:00+01:00")), 3600);
    EXPECT_EQ(std::chrono::system_clock::to_time_t(*parse_time("9999-12-31T23:59:59")), 9'000'000'000);
    for (const char* text : {"", "1970-01-01", "1970-02-31T00:00:00Z", "soon"})
        EXPECT_FALSE(parse_time(text)) << text;
}

}  // namespace
}  // namespace unikernel
