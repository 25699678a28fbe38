// SPDX-License-Identifier: Apache-2.0
#include "builder_service/openstack/rest_client.hh"

#include <atomic>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/util/temporary_directory.hh"
#include "tests/unit/openstack/fake_server.hh"

namespace unikernel
{
namespace
{

using namespace std::chrono_literals;
using testing::HasSubstr;

std::unique_ptr<RestClient> client(const std::string& url, RestClient::Settings settings = {})
{
    settings.url = url;
    settings.first_pause = 1ms;
    auto made = RestClient::create(std::move(settings));
    return made ? std::move(*made) : nullptr;
}

RestClient::Call get(std::string path)
{
    RestClient::Call call;
    call.path = std::move(path);
    return call;
}

TEST(RestClient, SendsHeadersBodyAndRequestIdAndReadsTheAnswer)
{
    FakeServer server([](const FakeServer::Request& request) {
        EXPECT_EQ(request.method_string(), "POST");
        EXPECT_EQ(request.target(), "/prefix/v1/things?a=b%20c");
        EXPECT_EQ(request["X-Auth-Token"], "secret");
        EXPECT_EQ(request["X-Openstack-Request-Id"], "req-1");
        EXPECT_EQ(request["Content-Type"], "application/json");
        EXPECT_EQ(request.body(), R"({"x":1})");
        auto response = FakeServer::reply(409, R"({"error":"there is one"})");
        response.set("X-Subject-Token", "abc");
        return response;
    });
    auto call = get("/v1/things?a=b%20c");
    call.method = "POST";
    call.headers = {{"X-Auth-Token", "secret"}};
    call.body = nlohmann::json{{"x", 1}};
    call.global_request_id = "req-1";
    const auto answer = client(server.url() + "/prefix/")->send(call);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 409);
    EXPECT_EQ(answer->header("x-subject-token"), "abc");
    EXPECT_EQ(answer->json()->at("error"), "there is one");
}

TEST(RestClient, RepeatsWhatMayBeRepeatedAndNothingElse)
{
    std::atomic<int> calls{0};
    FakeServer server([&](const FakeServer::Request&) {
        const int n = ++calls;
        return n == 1 ? FakeServer::nothing() : FakeServer::reply(n == 2 ? 503 : 200);
    });
    const auto sender = client(server.url());
    EXPECT_EQ(sender->send(get("/"))->status, 200);
    EXPECT_EQ(calls, 3);
    calls = 1;
    auto post = get("/");
    post.method = "POST";
    EXPECT_EQ(sender->send(post)->status, 503);
    EXPECT_EQ(calls, 2);
    calls = 1;
    post.repeatable = true;
    EXPECT_EQ(sender->send(post)->status, 200);
}

TEST(RestClient, GivesUpAfterItsRetries)
{
    std::atomic<int> calls{0};
    FakeServer server([&](const FakeServer::Request&) {
        ++calls;
        return FakeServer::reply(503);
    });
    EXPECT_EQ(client(server.url(), {.url = {}, .cafile = {}, .retries = 2})->send(get("/"))->status, 503);
    EXPECT_EQ(calls, 3);
}

TEST(RestClient, NamesWhoDoesNotAnswer)
{
    std::string url;
    {
        const FakeServer server([](const FakeServer::Request&) { return FakeServer::nothing(); });
        url = server.url();
    }
    const auto answer = client(url)->send(get("/"));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, FailureKind::unavailable);
    EXPECT_THAT(answer.error().message, HasSubstr(url + " does not answer"));
}

TEST(RestClient, DoesNotWaitForASilentServer)
{
    std::stop_source over;
    FakeServer server([&](const FakeServer::Request&) {
        while (!over.stop_requested())
            std::this_thread::sleep_for(5ms);
        return FakeServer::nothing();
    });
    const auto answer =
        client(server.url(), {.url = {}, .cafile = {}, .silence = 1s, .retries = 0})->send(get("/"));
    over.request_stop();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, FailureKind::unavailable);
}

TEST(RestClient, CanBeInterrupted)
{
    std::stop_source stop;
    FakeServer server([&](const FakeServer::Request&) {
        stop.request_stop();
        std::this_thread::sleep_for(50ms);
        return FakeServer::nothing();
    });
    auto call = get("/");
    call.stop = stop.get_token();
    EXPECT_EQ(client(server.url())->send(call).error().kind, FailureKind::cancelled);
}

TEST(RestClient, LetsNobodyEndAHeader)
{
    FakeServer server([](const FakeServer::Request&) { return FakeServer::reply(200); });
    const auto sender = client(server.url());
    for (const char* value : {"a\r\nX-Role: admin", "a\nb", "\x7f", "a\x80"}) {
        auto call = get("/");
        call.headers = {{"X-Auth-Token", value}};
        const auto answer = sender->send(call);
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().kind, FailureKind::invalid);
        EXPECT_THAT(answer.error().message, testing::Not(HasSubstr(value)));
    }
    auto call = get("/");
    call.headers = {{"X:a", "b"}};
    EXPECT_FALSE(sender->send(call));
    for (const char* path : {"", "x", "/a b", "/a\r\nb"})
        EXPECT_FALSE(sender->send(get(path))) << path;
}

TEST(RestClient, FollowsNoRedirect)
{
    FakeServer server([](const FakeServer::Request& request) {
        EXPECT_EQ(request.target(), "/");
        auto response = FakeServer::reply(302);
        response.set("Location", "/elsewhere");
        return response;
    });
    EXPECT_EQ(client(server.url())->send(get("/"))->status, 302);
}

TEST(RestClient, LimitsAnswers)
{
    FakeServer server([](const FakeServer::Request& request) {
        return FakeServer::reply(200, request.target() == "/deep" ? std::string(100, '[')
                                                                  : std::string(2000, ' '));
    });
    const auto sender = client(server.url(), {.url = {}, .cafile = {}, .retries = 0, .answer_bytes = 1000});
    EXPECT_THAT(sender->send(get("/long")).error().message, HasSubstr("more than 1000 bytes"));
    EXPECT_EQ(sender->send(get("/deep"))->json().error().kind, FailureKind::unavailable);
}

TEST(RestClient, StreamsFilesBothWays)
{
    std::string content(3 << 20, 'x');
    for (std::size_t n = 0; n < content.size(); n += 7)
        content[n] = static_cast<char>(n);
    const auto folder = TemporaryDirectory::create();
    ASSERT_TRUE(folder);
    const auto file = folder->path() / "file";
    std::ofstream(file, std::ios::binary) << content;
    FakeServer server([&](const FakeServer::Request& request) {
        if (request.method_string() == "PUT") {
            EXPECT_EQ(request["Content-Type"], "application/octet-stream");
            EXPECT_TRUE(request.body() == content);
            return FakeServer::reply(204);
        }
        return request.target() == "/no" ? FakeServer::reply(404, "no such")
                                         : FakeServer::reply(200, content);
    });
    const auto sender = client(server.url());
    auto call = get("/file");
    call.method = "PUT";
    const auto sent = sender->send_file(call, file, "application/octet-stream");
    ASSERT_TRUE(sent) << sent.error().message;
    EXPECT_EQ(sent->status, 204);
    EXPECT_EQ(sender->send_file(call, folder->path() / "none", "x/y").error().kind, FailureKind::not_found);

    std::string got;
    const auto all = [&](std::string_view piece) {
        got += piece;
        return true;
    };
    EXPECT_EQ(sender->receive(get("/file"), all)->status, 200);
    EXPECT_TRUE(got == content);
    got.clear();
    EXPECT_EQ(sender->receive(get("/no"), all)->text, "no such");
    EXPECT_EQ(got, "");
    EXPECT_EQ(sender->receive(get("/file"), [](std::string_view) { return false; })->status, 200);
}

TEST(RestClient, RefusesWhatIsNoService)
{
    for (const char* url : {"", "localhost:80", "ftp://x", "http://"})
        EXPECT_EQ(client(url), nullptr) << url;
    EXPECT_EQ(client("https://x", {.url = {}, .cafile = "/nowhere/ca.pem"}), nullptr);
}

TEST(PercentEncoding, KeepsOnlyWhatIsPlain)
{
    EXPECT_EQ(percent_encoded("aZ09-._~"), "aZ09-._~");
    EXPECT_EQ(percent_encoded("a b/\xc3\xa9?&"), "a%20b%2F%C3%A9%3F%26");
}

}  // namespace
}  // namespace unikernel
