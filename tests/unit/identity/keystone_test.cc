// SPDX-License-Identifier: Apache-2.0
// Against a Keystone that is made up here; tests/identity asks a real one.
#include "builder_service/identity/keystone.hh"

#include <atomic>
#include <future>
#include <map>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/openstack/fake_server.hh"

namespace unikernel
{
namespace
{

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;

std::string in(std::chrono::seconds time)
{
    const auto then = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + time);
    char text[40];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000000Z", std::gmtime(&then));
    return text;
}

json token_of(std::vector<std::string> roles, std::chrono::seconds left = 3600s)
{
    json list = json::array();
    for (const auto& role : roles)
        list.push_back({{"id", "id-" + role}, {"name", role}});
    return {{"user", {{"id", "user-1"}, {"domain", {{"id", "default"}}}}},
            {"project", {{"id", "project-1"}, {"domain", {{"id", "domain-1"}}}}},
            {"roles", list},
            {"expires_at", in(left)},
            {"catalog", {{{"type", "unikernel"}, {"endpoints", json::array()}}}}};
}

class KeystoneTest : public testing::Test
{
protected:
    KeystoneTest()
    {
        Account account;
        account.auth_url = server_.url();
        account.user = {.name = "builder", .id = {}};
        account.user_domain = {.name = "Default", .id = {}};
        account.password = "pass-word";
        account.project = {.name = "service", .id = {}};
        account.project_domain = {.name = "Default", .id = {}};
        account.retries = 0;
        session_ = std::move(*Session::create(account));
        settings_.www_authenticate_uri = "http://keystone/identity";
    }

    FakeServer::Response answer(const FakeServer::Request& request)
    {
        const std::scoped_lock lock(mutex_);
        if (request.method_string() == "POST") {
            ++issued_;
            auto response = FakeServer::reply(201, json{{"token", token_of({"service"})}}.dump());
            response.set("X-Subject-Token", "own-" + std::to_string(issued_));
            return response;
        }
        ++asked_;
        EXPECT_EQ(request["OpenStack-Identity-Access-Rules"], "1");
        global_id_ = std::string(request["X-Openstack-Request-Id"]);
        if (refused_.contains(std::string(request["X-Auth-Token"])))
            return FakeServer::reply(401);
        if (status_ != 200)
            return FakeServer::reply(status_);
        const auto found = tokens_.find(std::string(request["X-Subject-Token"]));
        const bool late = request.target() == "/v3/auth/tokens?allow_expired=1";
        EXPECT_TRUE(late || request.target() == "/v3/auth/tokens");
        if (found == tokens_.end() || (!late && found->second.at("expires_at") < in(0s)))
            return FakeServer::reply(404);
        return FakeServer::reply(200, json{{"token", found->second}}.dump());
    }

    Verdict ask(KeystoneAuthenticator& keystone, std::string token, std::string service_token = {})
    {
        std::promise<Verdict> promise;
        keystone.authenticate({.method = "GET",
                               .path = "/v1/builds",
                               .token = std::move(token),
                               .service_token = std::move(service_token),
                               .request_id = "req-1",
                               .global_request_id = "req-global"},
                              [&](Verdict verdict) { promise.set_value(std::move(verdict)); });
        return promise.get_future().get();
    }
    Verdict ask(std::string token, std::string service_token = {})
    {
        KeystoneAuthenticator keystone(settings_, *session_);
        return ask(keystone, std::move(token), std::move(service_token));
    }

    std::mutex mutex_;
    std::map<std::string, json> tokens_{{"good", token_of({"member", "reader"})}};
    std::set<std::string> refused_;
    unsigned status_ = 200;
    std::string global_id_;
    int asked_ = 0;
    int issued_ = 0;
    FakeServer server_{[this](const FakeServer::Request& request) { return answer(request); }};
    std::unique_ptr<Session> session_;
    KeystoneAuthenticator::Settings settings_;
};

#define EXPECT_DENIED(verdict, wanted)                                                                       \
    do {                                                                                                     \
        const auto denied = (verdict);                                                                       \
        ASSERT_FALSE(denied);                                                                                \
        EXPECT_EQ(denied.error().kind, Denial::Kind::wanted) << denied.error().message;                      \
    } while (false)

TEST_F(KeystoneTest, RecognisesWhoHasAToken)
{
    const auto caller = ask("good");
    ASSERT_TRUE(caller) << caller.error().message;
    EXPECT_EQ(caller->user_id, "user-1");
    EXPECT_EQ(caller->project_id, "project-1");
    EXPECT_EQ(caller->domain_id, "domain-1");
    EXPECT_TRUE(caller->has_role("member"));
    EXPECT_FALSE(caller->service);
    EXPECT_EQ(caller->request_id, "req-1");
    EXPECT_EQ(global_id_, "req-global");
}

TEST_F(KeystoneTest, TurnsAwayWhoHasNone)
{
    EXPECT_DENIED(ask(""), unauthorized);
    EXPECT_DENIED(ask("unknown"), unauthorized);
    const int asked = asked_;
    EXPECT_DENIED(ask("two words"), unauthorized);
    EXPECT_DENIED(ask("a\r\nX-Auth-Token: b"), unauthorized);
    EXPECT_DENIED(ask(std::string(10'000, 'x')), unauthorized);
    EXPECT_EQ(asked_, asked);
    EXPECT_EQ(KeystoneAuthenticator(settings_, *session_).challenge(),
              "Keystone uri=\"http://keystone/identity\"");
}

TEST_F(KeystoneTest, AsksOnceWithinTheCacheTime)
{
    KeystoneAuthenticator keystone(settings_, *session_);
    EXPECT_TRUE(ask(keystone, "good"));
    EXPECT_TRUE(ask(keystone, "good"));
    EXPECT_EQ(asked_, 1);
    EXPECT_DENIED(ask(keystone, "bad"), unauthorized);
    EXPECT_DENIED(ask(keystone, "bad"), unauthorized);
    EXPECT_EQ(asked_, 2);
    settings_.cache_time = -1s;
    KeystoneAuthenticator forgetful(settings_, *session_);
    EXPECT_TRUE(ask(forgetful, "good"));
    EXPECT_TRUE(ask(forgetful, "good"));
    EXPECT_EQ(asked_, 4);
}

TEST_F(KeystoneTest, LooksAtTheClockEachTime)
{
    tokens_["short"] = token_of({"member"}, 2s);
    KeystoneAuthenticator keystone(settings_, *session_);
    EXPECT_TRUE(ask(keystone, "short"));
    std::this_thread::sleep_for(2500ms);
    EXPECT_DENIED(ask(keystone, "short"), unauthorized);
    tokens_["wrong"] = token_of({"member"}, 2s);
    tokens_["wrong"]["expires_at"] = in(-5s);
    EXPECT_DENIED(ask(keystone, "wrong"), unauthorized);
}

TEST_F(KeystoneTest, RenewsItsOwnTokenOnce)
{
    refused_ = {"own-1"};
    EXPECT_TRUE(ask("good"));
    EXPECT_EQ(issued_, 2);
    refused_ = {"own-2", "own-3"};
    EXPECT_DENIED(ask("good"), unavailable);
    EXPECT_EQ(issued_, 3);
}

TEST_F(KeystoneTest, IsUnavailableWhenKeystoneIsAndRemembersNothingOfIt)
{
    KeystoneAuthenticator keystone(settings_, *session_);
    for (const unsigned status : {403U, 500U, 503U, 418U}) {
        status_ = status;
        EXPECT_DENIED(ask(keystone, "good"), unavailable);
    }
    status_ = 200;
    EXPECT_TRUE(ask(keystone, "good"));
    tokens_["strange"] = {{"user", "none"}, {"expires_at", in(60s)}};
    EXPECT_DENIED(ask(keystone, "strange"), unavailable);
}

TEST_F(KeystoneTest, TakesAnExpiredTokenFromAServiceOnly)
{
    tokens_["service"] = token_of({"service"});
    tokens_["late"] = token_of({"member"}, -60s);
    KeystoneAuthenticator keystone(settings_, *session_);
    EXPECT_DENIED(ask(keystone, "late"), unauthorized);
    EXPECT_DENIED(ask(keystone, "late", "good"), unauthorized);
    EXPECT_DENIED(ask(keystone, "late", "unknown"), unauthorized);
    const auto caller = ask(keystone, "late", "service");
    ASSERT_TRUE(caller) << caller.error().message;
    EXPECT_TRUE(caller->service);
    EXPECT_EQ(caller->user_id, "user-1");
    EXPECT_DENIED(ask(keystone, "late"), unauthorized);
    EXPECT_DENIED(ask(keystone, "good", "unknown"), unauthorized);
}

TEST_F(KeystoneTest, HoldsAnApplicationCredentialToItsAccessRules)
{
    auto token = token_of({"member"});
    const auto restricted = [&](const json& rules) {
        token["application_credential"] = {{"id", "c"}, {"access_rules", rules}};
        tokens_["app"] = token;
    };
    const json rule = {{"id", "r"}, {"method", "GET"}, {"service", "unikernel"}, {"path", "/v1/builds"}};
    restricted(json::array({rule}));
    EXPECT_TRUE(ask("app"));
    restricted(json::array());
    EXPECT_DENIED(ask("app"), unauthorized);
    auto other = rule;
    other["path"] = "/v1/images";
    restricted(json::array({other}));
    EXPECT_DENIED(ask("app"), unauthorized);
    tokens_["service"] = token_of({"service"});
    EXPECT_TRUE(ask("app", "service"));
    restricted(json::array({rule}));
    tokens_["app"]["catalog"] = json::array();
    EXPECT_DENIED(ask("app"), unauthorized);
    tokens_["app"] = token_of({"member"});
    tokens_["app"]["application_credential"] = {{"id", "c"}};
    EXPECT_TRUE(ask("app"));
}

TEST_F(KeystoneTest, TakesTokensOfProjectsOnly)
{
    for (const auto& [scope, text] :
         {std::pair{"domain", "a domain"}, {"system", "the system"}, {"none", "nothing"}}) {
        auto token = token_of({"admin"});
        token.erase("project");
        token[scope] = {{"id", "x"}, {"all", true}};
        tokens_[scope] = token;
        const auto verdict = ask(scope);
        EXPECT_DENIED(verdict, forbidden);
        EXPECT_THAT(verdict.error().message, HasSubstr(text));
    }
}

TEST_F(KeystoneTest, EndsWhileKeystoneIsSilent)
{
    std::promise<void> over;
    auto wait = over.get_future().share();
    FakeServer silent([wait](const FakeServer::Request&) {
        wait.wait();
        return FakeServer::nothing();
    });
    Account account = session_->account();
    account.auth_url = silent.url();
    account.silence = 60s;
    const auto session = std::move(*Session::create(account));
    const auto begun = std::chrono::steady_clock::now();
    std::promise<Verdict> verdict;
    {
        KeystoneAuthenticator keystone(settings_, *session);
        keystone.authenticate({.method = "GET",
                               .path = "/",
                               .token = "x",
                               .service_token = {},
                               .request_id = {},
                               .global_request_id = {}},
                              [&](Verdict found) { verdict.set_value(std::move(found)); });
        std::this_thread::sleep_for(100ms);
    }
    EXPECT_DENIED(verdict.get_future().get(), unavailable);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 30s);
    over.set_value();
}

}  // namespace
}  // namespace unikernel
