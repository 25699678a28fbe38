// SPDX-License-Identifier: Apache-2.0
// NovaFleet and Nova against an HTTP server with Nova's forms; tests/openstack has them against the real one.
#include "builder_service/fleet/nova_fleet.hh"

#include <atomic>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/openstack/fake_server.hh"

namespace unikernel
{
namespace
{

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

json a_server(const std::string& id, const std::string& status = "ACTIVE")
{
    return {{"id", id},
            {"name", "web"},
            {"tenant_id", "p1"},
            {"status", status},
            {"OS-EXT-STS:task_state", nullptr},
            {"image", {{"id", "image-1"}}},
            {"locked", false},
            {"metadata", json::object()},
            {"addresses", json::object()}};
}

Server named(const std::string& id)
{
    Server server;
    server.id = id;
    return server;
}

HealthCheck sealed()
{
    HealthCheck check;
    check.kind = HealthCheck::Kind::console;
    check.marker = "u0: sealed";
    return check;
}

HealthCheck http_at(const std::string& url)
{
    HealthCheck check;
    check.kind = HealthCheck::Kind::http;
    check.port = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    return check;
}

class NovaFleetTest : public testing::Test
{
protected:
    FakeServer::Response answer(const FakeServer::Request& request)
    {
        const auto target = std::string(request.target());
        if (target == "/v3/auth/tokens") {
            auto response = FakeServer::reply(
                201, json{{"token", {{"expires_at", "2999-01-01T00:00:00.000000Z"}, {"catalog", catalog_}}}}
                         .dump());
            response.set("X-Subject-Token", "token");
            return response;
        }
        EXPECT_EQ(request["OpenStack-API-Version"], "compute 2.79");
        EXPECT_EQ(request["X-Auth-Token"], "token");
        if (target.starts_with("/compute/servers/detail"))
            return page(target);
        if (target.ends_with("/action")) {
            actions_.push_back(json::parse(request.body()));
            return FakeServer::reply(action_status_, action_answer_);
        }
        for (const auto& server : servers_)
            if (target == "/compute/servers/" + server["id"].get<std::string>())
                return FakeServer::reply(200, json{{"server", server}}.dump());
        return FakeServer::reply(404, R"({"itemNotFound":{"code":404,"message":"no such server"}})");
    }
    /// Two servers a page, as Nova does it: by marker, with a link while there are more.
    FakeServer::Response page(const std::string& target)
    {
        pages_.push_back(target);
        std::size_t first = 0;
        if (const auto marker = target.find("&marker="); marker != std::string::npos)
            for (std::size_t i = 0; i < servers_.size(); ++i)
                if (servers_[i]["id"] == target.substr(marker + 8))
                    first = i + 1;
        auto list = json::array();
        for (std::size_t i = first; i < servers_.size() && i < first + 2; ++i)
            list.push_back(servers_[i]);
        json body = {{"servers", list}};
        if (first + 2 < servers_.size())
            body["servers_links"] = {{{"rel", "next"}, {"href", "http://elsewhere/"}}};
        return FakeServer::reply(200, body.dump());
    }
    Account account() const
    {
        Account account;
        account.auth_url = server_.url();
        account.user = {.name = "builder", .id = {}};
        account.user_domain = {.name = "Default", .id = {}};
        account.password = "pass-word";
        account.project = {.name = {}, .id = "p0"};
        account.retries = 0;
        return account;
    }
    Server find(const std::string& id)
    {
        const auto found = fleet_.find(id, {});
        EXPECT_TRUE(found) << found.error().message;
        return found && *found ? **found : Server{};
    }
    FailureKind kind_of_replacing()
    {
        const auto replaced = fleet_.replace("s1", "image-2", {});
        return replaced ? FailureKind::internal : replaced.error().kind;
    }

    std::vector<json> servers_;
    std::vector<json> actions_;
    std::vector<std::string> pages_;
    unsigned action_status_ = 202;
    std::string action_answer_;
    json catalog_;
    FakeServer server_{[this](const FakeServer::Request& request) { return answer(request); }};
    std::unique_ptr<Session> session_ = std::move(*Session::create(account()));
    Nova nova_{*session_, {.endpoint_override = server_.url() + "/compute", .region = {}, .page = 2}};
    NovaFleet fleet_{nova_, *Networks::parse("127.0.0.0/30, fd00::/8")};
};

TEST_F(NovaFleetTest, ListsTheServersOfAllProjectsPageByPage)
{
    for (const auto* id : {"s1", "s2", "s3", "s4", "s5"})
        servers_.push_back(a_server(id));
    servers_[1]["OS-EXT-STS:task_state"] = "deleting";
    const auto listed = fleet_.list({});
    ASSERT_TRUE(listed) << listed.error().message;
    std::vector<std::string> ids;
    for (const auto& server : *listed)
        ids.push_back(server.id);
    EXPECT_THAT(ids, ElementsAre("s1", "s3", "s4", "s5"));
    EXPECT_THAT(pages_, ElementsAre("/compute/servers/detail?all_tenants=1&limit=2",
                                    "/compute/servers/detail?all_tenants=1&limit=2&marker=s2",
                                    "/compute/servers/detail?all_tenants=1&limit=2&marker=s4"));
}

TEST_F(NovaFleetTest, TellsWhatMayBeReplacedNow)
{
    servers_ = {a_server("s1")};
    auto server = find("s1");
    EXPECT_EQ(server.name, "web");
    EXPECT_EQ(server.project, "p1");
    EXPECT_EQ(server.image, "image-1");
    EXPECT_EQ(server.status, "ACTIVE");
    EXPECT_TRUE(server.settled && server.running && !server.pinned);

    servers_[0]["OS-EXT-STS:task_state"] = "rebuild_spawning";
    server = find("s1");
    EXPECT_FALSE(server.settled || server.running);
    EXPECT_EQ(server.status, "ACTIVE, rebuild_spawning");

    servers_ = {a_server("s1", "SHUTOFF")};
    server = find("s1");
    EXPECT_TRUE(server.settled && !server.running);

    servers_ = {a_server("s1", "ERROR")};
    servers_[0]["fault"] = {{"code", 500}, {"message", "no valid host"}};
    server = find("s1");
    EXPECT_TRUE(server.settled && !server.running);
    EXPECT_EQ(server.fault, "no valid host");

    for (const auto* status : {"PAUSED", "SHELVED_OFFLOADED", "VERIFY_RESIZE", "BUILD", "RESCUE"}) {
        servers_ = {a_server("s1", status)};
        EXPECT_FALSE(find("s1").settled) << status;
    }
}

TEST_F(NovaFleetTest, ServersThatAreDeletedAreNotThere)
{
    for (const auto* status : {"DELETED", "SOFT_DELETED"}) {
        servers_ = {a_server("s1", status)};
        EXPECT_FALSE(fleet_.find("s1", {})->has_value()) << status;
    }
    const auto missing = fleet_.find("s9", {});
    ASSERT_TRUE(missing) << missing.error().message;
    EXPECT_FALSE(missing->has_value());
}

TEST_F(NovaFleetTest, TheOwnersWordPins)
{
    servers_ = {a_server("s1"), a_server("s2"), a_server("s3")};
    servers_[0]["metadata"] = {{"unikernel:pinned", "true"}};
    servers_[1]["metadata"] = {{"unikernel:pinned", "false"}, {"other", "x"}};
    servers_[2]["locked"] = true;
    EXPECT_TRUE(find("s1").pinned);
    EXPECT_FALSE(find("s2").pinned);
    EXPECT_TRUE(find("s3").pinned);
}

TEST_F(NovaFleetTest, AServerOfAVolumeHasNoImage)
{
    servers_ = {a_server("s1")};
    servers_[0]["image"] = "";
    EXPECT_EQ(find("s1").image, "");
}

TEST_F(NovaFleetTest, ReplacingIsARebuild)
{
    const auto replaced = fleet_.replace("s1", "image-2", {});
    ASSERT_TRUE(replaced) << replaced.error().message;
    EXPECT_THAT(actions_, ElementsAre(json{{"rebuild", {{"imageRef", "image-2"}}}}));
}

TEST_F(NovaFleetTest, RefusalsOfARebuildSayWhatToDo)
{
    action_status_ = 409;
    action_answer_ = R"({"conflictingRequest":{"code":409,"message":"it is in task_state rebuilding"}})";
    EXPECT_EQ(kind_of_replacing(), FailureKind::conflict);
    action_status_ = 400;
    action_answer_ = R"({"badRequest":{"code":400,"message":"too little memory"}})";
    EXPECT_EQ(kind_of_replacing(), FailureKind::invalid);
    EXPECT_THAT(fleet_.replace("s1", "image-2", {}).error().message, HasSubstr("too little memory"));
    action_status_ = 403;
    EXPECT_EQ(kind_of_replacing(), FailureKind::invalid);
    action_status_ = 404;
    EXPECT_EQ(kind_of_replacing(), FailureKind::not_found);
    action_status_ = 503;
    EXPECT_EQ(kind_of_replacing(), FailureKind::unavailable);
}

TEST_F(NovaFleetTest, WhatIsNotNovaIsUnavailable)
{
    servers_ = {a_server("s1")};
    servers_[0].erase("status");
    const auto found = fleet_.find("s1", {});
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().kind, FailureKind::unavailable);
    EXPECT_THAT(found.error().message, HasSubstr("status"));
}

TEST_F(NovaFleetTest, ChecksTheConsole)
{
    action_status_ = 200;
    action_answer_ = json{{"output", "u0: boot\nu0: sealed\n"}}.dump();
    EXPECT_TRUE(fleet_.check(named("s1"), sealed(), {}));
    EXPECT_THAT(actions_, ElementsAre(json{{"os-getConsoleOutput", json::object()}}));
    action_answer_ = json{{"output", "u0: boot\n"}}.dump();
    EXPECT_EQ(fleet_.check(named("s1"), sealed(), {}).error().kind, FailureKind::unavailable);
    action_status_ = 409;
    EXPECT_EQ(fleet_.check(named("s1"), sealed(), {}).error().kind, FailureKind::unavailable);
    action_status_ = 404;
    EXPECT_EQ(fleet_.check(named("s1"), sealed(), {}).error().kind, FailureKind::not_found);
}

TEST_F(NovaFleetTest, ChecksByNetworkOnlyInNetworksThatAreAllowed)
{
    std::atomic<int> asked = 0;
    const FakeServer management([&](const FakeServer::Request&) {
        ++asked;
        return FakeServer::reply(200);
    });
    const auto http = http_at(management.url());
    auto tcp = http;
    tcp.kind = HealthCheck::Kind::tcp;
    servers_ = {a_server("s1")};
    const auto give = [&](const std::string& address, const std::string& kind) {
        servers_[0]["addresses"]["net"].push_back(
            {{"addr", address}, {"version", 4}, {"OS-EXT-IPS:type", kind}});
    };
    give("127.0.0.1", "fixed");
    NovaFleet none(nova_, {});
    NovaFleet others(nova_, *Networks::parse("127.0.0.2/31, 10.0.0.0/8"));
    for (const auto& check : {http, tcp}) {
        for (const auto& refused :
             {none.check(named("s1"), check, {}), none.can_check(named("s1"), check, {})}) {
            ASSERT_FALSE(refused);
            EXPECT_EQ(refused.error().kind, FailureKind::invalid);
            EXPECT_EQ(
                refused.error().message,
                "not possible here: no network is allowed for checks; ask for console or set [reconcile] "
                "probe_networks");
        }
        for (const auto& refused :
             {others.check(named("s1"), check, {}), others.can_check(named("s1"), check, {})}) {
            ASSERT_FALSE(refused);
            EXPECT_EQ(refused.error().kind, FailureKind::invalid);
            EXPECT_THAT(refused.error().message,
                        HasSubstr("no address of server s1 is in a network that is allowed for checks"));
        }
    }
    give("127.0.0.2", "floating");  // nobody listens there
    EXPECT_TRUE(others.can_check(named("s1"), http, {}));
    EXPECT_EQ(others.check(named("s1"), http, {}).error().kind, FailureKind::unavailable);
    EXPECT_EQ(asked, 0);
    EXPECT_TRUE(none.can_check(named("s1"), sealed(), {}));
    EXPECT_TRUE(fleet_.can_check(named("s1"), http, {}));
    EXPECT_TRUE(fleet_.check(named("s1"), http, {}));
}

TEST_F(NovaFleetTest, ChecksFloatingAddressesFirstAndOneHealthyAddressIsEnough)
{
    const FakeServer guest([](const FakeServer::Request&) { return FakeServer::reply(200); });
    const auto http = http_at(guest.url());
    servers_ = {a_server("s1")};
    EXPECT_EQ(fleet_.check(named("s1"), http, {}).error().kind, FailureKind::invalid);
    servers_[0]["addresses"] = {{"net",
                                 {{{"addr", "127.0.0.1"}, {"version", 4}, {"OS-EXT-IPS:type", "fixed"}},
                                  {{"addr", "127.0.0.2"}, {"version", 4}, {"OS-EXT-IPS:type", "floating"}}}}};
    const auto healthy = fleet_.check(named("s1"), http, {});  // nobody listens on 127.0.0.2
    EXPECT_TRUE(healthy) << healthy.error().message;
    EXPECT_EQ(fleet_.check(named("s9"), http, {}).error().kind, FailureKind::not_found);
}

}  // namespace
}  // namespace unikernel
