// SPDX-License-Identifier: Apache-2.0
#include "builder_service/fleet/health.hh"

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace unikernel
{

namespace
{

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using std::chrono::milliseconds;

constexpr std::uint32_t head_bytes = 16 << 10;
constexpr std::streamoff console_half = 2 << 20;  ///< bytes
constexpr std::size_t shown_bytes = 200;

/// One connection with one deadline for all that is done with it, on the caller's thread.
class Probe
{
public:
    Probe(const ProbeTarget& target, std::stop_token stop, milliseconds limit)
        : target_(target), stop_(std::move(stop)), deadline_(std::chrono::steady_clock::now() + limit),
          limit_(limit)
    {
    }

    Result<void> connect()
    {
        error_code wrong;
        const auto address = asio::ip::make_address(target_.address, wrong);
        if (wrong)
            return fail(FailureKind::invalid, "'" + target_.address + "' is no address");
        return run("does not take a connection", [&](auto done) {
            socket_.async_connect({address, target_.port}, std::move(done));
        });
    }
    /// Waits whether the other end closes the connection, or says something, which is as good as staying.
    Result<void> stays_open()
    {
        std::array<char, 1> byte{};
        asio::steady_timer calm(context_, open_time);
        bool calmed = false;
        calm.async_wait([&](error_code cancelled) {
            calmed = !cancelled;
            if (calmed)
                socket_.cancel(ignored_);
        });
        auto ended = run("closes connections at once", [&](auto done) {
            socket_.async_receive(asio::buffer(byte), [&, done](error_code error, std::size_t) {
                calm.cancel();
                done(calmed && error == asio::error::operation_aborted ? error_code{} : error);
            });
        });
        return ended;
    }
    /// The status of the answer to GET `path`.
    Result<unsigned> get(const std::string& path)
    {
        http::request<http::empty_body> request(http::verb::get, path, 11);
        request.set(http::field::host, host());
        request.set(http::field::user_agent, "unikernel-builder");
        request.set(http::field::connection, "close");
        if (auto sent = run("does not take a request",
                            [&](auto done) {
                                http::async_write(socket_, request,
                                                  [done](error_code error, std::size_t) { done(error); });
                            });
            !sent)
            return tl::unexpected(sent.error());
        boost::beast::flat_buffer buffer;
        http::response_parser<http::string_body> answer;
        answer.header_limit(head_bytes);
        return run("does not answer HTTP",
                   [&](auto done) {
                       http::async_read_header(socket_, buffer, answer,
                                               [done](error_code error, std::size_t) { done(error); });
                   })
            .map([&] { return answer.get().result_int(); });
    }

private:
    std::string host() const
    {
        const bool v6 = target_.address.find(':') != std::string::npos;
        return (v6 ? "[" + target_.address + "]" : target_.address) + ":" + std::to_string(target_.port);
    }

    /// Runs one operation to its end, to the deadline, or until `stop_` is requested.
    template <typename Start>
    Result<void> run(const std::string& trouble, Start start)
    {
        std::optional<error_code> result;
        bool late = false;
        asio::steady_timer timer(context_, deadline_);
        timer.async_wait([&](error_code cancelled) {
            late = !cancelled;
            if (late)
                socket_.close(ignored_);
        });
        const std::stop_callback stopping(
            stop_, [this] { asio::post(context_, [this] { socket_.close(ignored_); }); });
        start([&](error_code error) {
            result = error;
            timer.cancel();
        });
        context_.restart();
        context_.run();
        if (stop_.stop_requested())
            return fail(FailureKind::cancelled, "the probe of " + host() + " was cancelled");
        if (late)
            return fail(FailureKind::unavailable,
                        host() + " " + trouble + " within " + std::to_string(limit_.count()) + " ms");
        if (*result)
            return fail(FailureKind::unavailable, host() + " " + trouble + ": " + result->message());
        return {};
    }

    const ProbeTarget target_;
    const std::stop_token stop_;
    const std::chrono::steady_clock::time_point deadline_;
    const milliseconds limit_;
    error_code ignored_;
    asio::io_context context_{1};
    asio::ip::tcp::socket socket_{context_};
};

std::string last_line(std::string_view text)
{
    const auto end = text.find_last_not_of("\r\n");
    if (end == std::string_view::npos)
        return "";
    text = text.substr(0, end + 1);
    const auto start = text.find_last_of('\n');
    auto line =
        std::string(text.substr(start == std::string_view::npos ? 0 : start + 1)).substr(0, shown_bytes);
    for (char& c : line)
        if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f)
            c = '?';
    return line;
}

}  // namespace

Result<void> probe_tcp(const ProbeTarget& target, std::stop_token stop, milliseconds limit)
{
    Probe probe(target, std::move(stop), limit);
    return probe.connect().and_then([&] { return probe.stays_open(); });
}

Result<void> probe_http(const ProbeTarget& target, const std::string& path, int status, std::stop_token stop,
                        milliseconds limit)
{
    if (!path.starts_with('/') ||
        std::any_of(path.begin(), path.end(), [](unsigned char c) { return c <= ' ' || c >= 0x7f; }))
        return fail(FailureKind::invalid,
                    "'" + path + "' is no path; it must begin with '/' and hold no blanks");
    Probe probe(target, std::move(stop), limit);
    const auto answered = probe.connect().and_then([&] { return probe.get(path); });
    if (!answered)
        return tl::unexpected(answered.error());
    if (*answered != static_cast<unsigned>(status))
        return fail(FailureKind::unavailable, "http://" + target.address + ":" + std::to_string(target.port) +
                                                  path + " answers " + std::to_string(*answered) + ", not " +
                                                  std::to_string(status));
    return {};
}

Result<void> probe_console(std::string_view console, const std::string& marker)
{
    if (console.find(marker) != std::string_view::npos)
        return {};
    const auto line = last_line(console);
    return fail(FailureKind::unavailable,
                "the console shows no '" + marker +
                    (line.empty() ? "'; there is nothing on it yet" : "'; its last line: " + line));
}

Result<void> probe(const ProbeTarget& target, const HealthCheck& check, std::stop_token stop)
{
    switch (check.kind) {
    case HealthCheck::Kind::http:
        return probe_http(target, check.path, check.status, std::move(stop));
    case HealthCheck::Kind::tcp:
        return probe_tcp(target, std::move(stop));
    case HealthCheck::Kind::console:
        break;
    }
    return fail(FailureKind::invalid, "a console has no port");
}

std::string read_console(const std::filesystem::path& file)
{
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    if (!in)
        return {};
    const std::streamoff size = in.tellg();
    const auto part = [&in](std::streamoff from, std::streamoff bytes) {
        std::string text(static_cast<std::size_t>(bytes), '\0');
        in.seekg(from);
        in.read(text.data(), bytes);
        text.resize(static_cast<std::size_t>(in.gcount()));
        return text;
    };
    if (size <= 2 * console_half)
        return part(0, size);
    return part(0, console_half) + "\n" + part(size - console_half, console_half);
}

}  // namespace unikernel
