// SPDX-License-Identifier: Apache-2.0
#include "builder_service/fleet/health.hh"

#include <fstream>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/util/temporary_directory.hh"
#include "tests/unit/openstack/fake_server.hh"

namespace unikernel
{
namespace
{

using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using testing::HasSubstr;

/// A free loopback port that takes connections: into the kernel's queue, or to be closed by close_one().
class Listener
{
public:
    ProbeTarget target() const { return {"127.0.0.1", acceptor_.local_endpoint().port()}; }
    void close_one() { acceptor_.accept().close(); }

private:
    boost::asio::io_context context_;
    tcp::acceptor acceptor_{context_, {boost::asio::ip::make_address("127.0.0.1"), 0}};
};

ProbeTarget target_of(const FakeServer& server)
{
    const auto url = server.url();
    return {"127.0.0.1", static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)))};
}

FailureKind kind(const Result<void>& result)
{
    return result ? FailureKind::internal : result.error().kind;
}

TEST(ProbeTcp, IsHealthyWhereAConnectionStaysOpen)
{
    const Listener listener;
    const auto probed = probe_tcp(listener.target(), {});
    EXPECT_TRUE(probed) << probed.error().message;
}

TEST(ProbeTcp, IsNotHealthyWhereNobodyListens)
{
    ProbeTarget target;
    {
        const Listener listener;
        target = listener.target();
    }
    const auto probed = probe_tcp(target, {});
    EXPECT_EQ(kind(probed), FailureKind::unavailable);
    EXPECT_THAT(probed.error().message, HasSubstr("127.0.0.1:" + std::to_string(target.port)));
}

TEST(ProbeTcp, IsNotHealthyWhereTheConnectionIsClosedAtOnce)
{
    Listener listener;
    const std::jthread closer([&] { listener.close_one(); });
    const auto probed = probe_tcp(listener.target(), {});
    ASSERT_EQ(kind(probed), FailureKind::unavailable);
    EXPECT_THAT(probed.error().message, HasSubstr("closes connections at once"));
}

TEST(ProbeTcp, RefusesANameForAnAddress)
{
    EXPECT_EQ(kind(probe_tcp({"example.org", 80}, {})), FailureKind::invalid);
}

TEST(ProbeHttp, WantsTheStatusThatWasAskedFor)
{
    const FakeServer server([](const FakeServer::Request& request) {
        EXPECT_EQ(request.method_string(), "GET");
        return FakeServer::reply(request.target() == "/ready?full=1" ? 204 : 500);
    });
    const auto healthy = probe_http(target_of(server), "/ready?full=1", 204, {});
    EXPECT_TRUE(healthy) << healthy.error().message;
    const auto sick = probe_http(target_of(server), "/", 200, {});
    ASSERT_EQ(kind(sick), FailureKind::unavailable);
    EXPECT_THAT(sick.error().message, HasSubstr("/ answers 500, not 200"));
}

TEST(ProbeHttp, EndsAtItsLimitWhereNobodyAnswers)
{
    const Listener silent;
    const auto probed = probe_http(silent.target(), "/", 200, {}, 100ms);
    ASSERT_EQ(kind(probed), FailureKind::unavailable);
    EXPECT_THAT(probed.error().message, HasSubstr("does not answer HTTP within 100 ms"));
}

TEST(ProbeHttp, EndsWhenItIsCancelled)
{
    const Listener silent;
    std::stop_source source;
    const std::jthread stopper([&] {
        std::this_thread::sleep_for(50ms);
        source.request_stop();
    });
    EXPECT_EQ(kind(probe_http(silent.target(), "/", 200, source.get_token(), 60s)), FailureKind::cancelled);
}

TEST(ProbeHttp, IsNotHealthyWithoutAnAnswer)
{
    const FakeServer server([](const FakeServer::Request&) { return FakeServer::nothing(); });
    EXPECT_EQ(kind(probe_http(target_of(server), "/", 200, {})), FailureKind::unavailable);
}

TEST(ProbeHttp, RefusesAPathThatWouldBeAnotherRequest)
{
    EXPECT_EQ(kind(probe_http({"127.0.0.1", 1}, "/ HTTP/1.1\r\nX: y", 200, {})), FailureKind::invalid);
    EXPECT_EQ(kind(probe_http({"127.0.0.1", 1}, "index", 200, {})), FailureKind::invalid);
}

TEST(ProbeConsole, WantsTheMarkerAndElseTellsTheLastLine)
{
    EXPECT_TRUE(probe_console("u0: boot\nu0: sealed\nhello\n", "u0: sealed"));
    const auto missing = probe_console("u0: boot\r\nu0: panic \x1b[2J\r\n", "u0: sealed");
    ASSERT_EQ(kind(missing), FailureKind::unavailable);
    EXPECT_THAT(missing.error().message, HasSubstr("no 'u0: sealed'; its last line: u0: panic ?[2J"));
    EXPECT_THAT(probe_console("", "x").error().message, HasSubstr("nothing on it yet"));
}

TEST(ReadConsole, KeepsBeginningAndEndOfALongOne)
{
    const auto folder = TemporaryDirectory::create("health-test").value();
    const auto file = folder.path() / "console.log";
    EXPECT_EQ(read_console(file), "");
    std::ofstream(file) << "u0: sealed\n" << std::string(8 << 20, '.') << "\nlast\n";
    const auto text = read_console(file);
    EXPECT_LT(text.size(), std::size_t{5} << 20);
    EXPECT_TRUE(text.starts_with("u0: sealed\n"));
    EXPECT_TRUE(text.ends_with("\nlast\n"));
}

}  // namespace
}  // namespace unikernel
