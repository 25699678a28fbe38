// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/gate.hh"

#include <array>
#include <atomic>
#include <mutex>
#include <set>
#include <span>
#include <thread>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <spdlog/spdlog.h>

#include "builder_service/api/access_control.hh"
#include "builder_service/api/access_log.hh"
#include "builder_service/api/errors.hh"
#include "builder_service/api/limits.hh"

namespace unikernel::api
{

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using HeadParser = http::request_parser<http::empty_body>;

namespace
{

constexpr std::size_t relay_bytes = std::size_t{16} << 10;
constexpr std::size_t drain_bytes = limits::bundle_bytes;

std::string serialized(const Response& response)
{
    const auto& text = std::get<std::string>(response.body);
    std::string wire = "HTTP/1.1 " + std::to_string(response.status) + " ";
    wire += reason_phrase(response.status);
    wire += "\r\n";
    for (const auto& [name, value] : response.headers)
        wire.append(name).append(": ").append(value).append("\r\n");
    wire += "Content-Length: " + std::to_string(text.size()) + "\r\nConnection: close\r\n\r\n";
    return wire + text;
}

/// Only what this machine calls itself: a web page which rebinds its own name to 127.0.0.1
/// must not reach a service without authentication.
bool names_this_machine(std::string_view host)
{
    if (host.starts_with('['))
        host = host.substr(0, host.find(']') + 1);
    else
        host = host.substr(0, host.find(':'));
    const bool numeric =
        host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
    return numeric || host == "localhost" || host == "[::1]";
}

bool printable(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\t'; });
}

std::optional<Response> check_target(std::string_view target)
{
    if (target.size() > limits::target_bytes)
        return error(414, "path.too-long",
                     "path and query of " + std::to_string(target.size()) +
                         " bytes are over the maximum of " + std::to_string(limits::target_bytes));
    if (!target.starts_with('/') || target.starts_with("//"))
        return error(400, "path.invalid", "the request target must be a path which begins with one '/'");
    static constexpr std::string_view also = "-._~!$&'()*+,;=:@/?%";
    for (const char c : target)
        if (!std::isalnum(static_cast<unsigned char>(c)) && also.find(c) == std::string_view::npos)
            return error(400, "path.invalid", "the request target holds a byte that must be percent-encoded");
    return std::nullopt;
}

/// A name or an address and maybe a port: it may become part of a link in an answer.
bool is_host(std::string_view host)
{
    return !host.empty() && host.size() <= 255 && std::all_of(host.begin(), host.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) ||
               std::string_view("-._:[]").find(c) != std::string_view::npos;
    });
}

std::optional<Response> check_headers(const HeadParser::value_type& head, bool any_host)
{
    if (head.version() != 11 && head.version() != 10)
        return error(505, "http.version", "this service speaks HTTP/1.1");
    std::size_t count = 0;
    std::size_t hosts = 0;
    for (const auto& field : head) {
        ++count;
        hosts += field.name() == http::field::host ? 1 : 0;
        if (!printable(std::string_view(field.value().data(), field.value().size())))
            return error(400, "header.invalid",
                         "header " + std::string(field.name_string()) +
                             " holds a byte outside of printable ASCII");
    }
    if (count > limits::header_count)
        return error(431, "header.too-many",
                     std::to_string(count) + " headers are over the maximum of " +
                         std::to_string(limits::header_count));
    const auto host = head[http::field::host];
    if (hosts > 1 || (hosts == 0 && head.version() == 11))
        return error(400, "header.host", "exactly one Host header is needed");
    if (hosts == 1 && !is_host(std::string_view(host.data(), host.size())))
        return error(400, "header.host", "the Host header holds no name and no address");
    if (hosts == 1 && !any_host && !names_this_machine(std::string_view(host.data(), host.size())))
        return error(421, "header.host",
                     "Host '" + std::string(host) +
                         "' is not this service, which is reached as localhost only");
    if (head.count(http::field::transfer_encoding) != 0)
        return error(411, "body.length-required",
                     "Transfer-Encoding is not taken; send the body with a Content-Length");
    const auto length = head[http::field::content_length];
    if (head.count(http::field::content_length) > 1 ||
        length.find_first_not_of("0123456789") != beast::string_view::npos)
        return error(400, "header.content-length", "Content-Length is not one plain number");
    if (length.empty() && (head.method() == http::verb::post || head.method() == http::verb::put))
        return error(411, "body.length-required", "a Content-Length is needed");
    return std::nullopt;
}

Response refusal_of(const error_code& code)
{
    if (code == http::error::header_limit || code == http::error::buffer_overflow)
        return error(431, "header.too-large",
                     "request line and headers are over the maximum of " +
                         std::to_string(limits::head_bytes) + " bytes");
    if (code == http::error::body_limit)
        return error(413, "body.too-large",
                     "the body is over the maximum of " + std::to_string(limits::image_bytes) + " bytes");
    if (code == http::error::bad_content_length)
        return error(400, "header.content-length", "Content-Length is not one plain number");
    return error(400, "http.malformed", "not an HTTP/1.1 request: " + code.message());
}

/// The head as the listener gets it: names and values checked, nothing hop-by-hop.
std::string head_for_listener(const HeadParser::value_type& head, std::uint64_t body, std::string_view ticket)
{
    static const std::set<http::field> dropped = {
        http::field::connection, http::field::keep_alive,     http::field::proxy_connection,
        http::field::te,         http::field::trailer,        http::field::upgrade,
        http::field::expect,     http::field::content_length, http::field::transfer_encoding};
    static constexpr std::string_view ends_here[] = {Gate::ticket_header, "X-Auth-Token", "X-Service-Token"};
    auto wire = std::string(head.method_string()) + " " + std::string(head.target()) + " HTTP/1.1\r\n";
    for (const auto& field : head) {
        const bool mine = std::any_of(std::begin(ends_here), std::end(ends_here), [&](std::string_view name) {
            return beast::iequals(field.name_string(), beast::string_view(name.data(), name.size()));
        });
        if (dropped.contains(field.name()) || mine)
            continue;
        auto value = std::string(field.value());
        std::replace(value.begin(), value.end(), '\t', ' ');
        wire += std::string(field.name_string()) + ": " + value + "\r\n";
    }
    wire += "Content-Length: " + std::to_string(body) + "\r\nConnection: close\r\n";
    return wire + std::string(Gate::ticket_header) + ": " + std::string(ticket) + "\r\n\r\n";
}

/// For the log, when there is none to be read.
Request no_request()
{
    Request request;
    request.id = new_request_id();
    request.caller.request_id = request.id;
    return request;
}

Request request_view(const HeadParser::value_type& head, std::uint64_t body, const std::string& target)
{
    Request request;
    request.id = new_request_id();
    request.method = std::string(head.method_string());
    request.body_bytes = body;
    request.path = target.substr(0, target.find('?'));
    for (const auto& field : head)
        request.headers.insert_or_assign(std::string(field.name_string()), std::string(field.value()));
    request.caller.request_id = request.id;
    request.caller.global_request_id = global_request_id(request);
    return request;
}

}  // namespace

class Gate::Implementation
{
public:
    explicit Implementation(Settings settings) : settings_(std::move(settings)), acceptor_(*context_) {}

    ~Implementation()
    {
        context_->stop();
        if (thread_.joinable())
            thread_.join();
    }

    void listen(const tcp::endpoint& endpoint)
    {
        acceptor_.open(endpoint.protocol());
        acceptor_.set_option(asio::socket_base::reuse_address(true));
        acceptor_.bind(endpoint);
        acceptor_.listen();
        port = acceptor_.local_endpoint().port();
        asio::co_spawn(*context_, accept_all(), asio::detached);
        thread_ = std::jthread([this] { context_->run(); });
    }

    void stop_accepting()
    {
        asio::post(*context_, [this] {
            error_code ignored;
            acceptor_.close(ignored);
        });
    }

    std::uint16_t port = 0;
    std::atomic<std::size_t> open_connections{0};

private:
    asio::awaitable<void> accept_all();
    asio::awaitable<void> serve(tcp::socket socket);
    asio::awaitable<void> serve_request(beast::tcp_stream& client);
    // What is passed by reference lives in the frame of the caller, who waits; g++ 12 destroys some temporary
    // arguments of an awaited call twice.
    asio::awaitable<Admission> admit(const Request& head, const std::string& target);
    asio::awaitable<void> refuse(beast::tcp_stream& client, Response& response, const Request& request);
    asio::awaitable<std::size_t> read_body(beast::tcp_stream& client, std::span<char> piece,
                                           std::chrono::steady_clock::time_point deadline);
    asio::awaitable<bool> collect_body(beast::tcp_stream& client, beast::flat_buffer& begun,
                                       std::string& whole);
    asio::awaitable<bool> relay_body(beast::tcp_stream& client, beast::tcp_stream& listener,
                                     beast::flat_buffer& begun, std::uint64_t bytes);
    asio::awaitable<void> relay_answer(beast::tcp_stream& client, beast::tcp_stream& listener,
                                       std::shared_ptr<void>& upload);

    Settings settings_;
    /// Shared: a decision may come when all of this is gone.
    const std::shared_ptr<asio::io_context> context_ = std::make_shared<asio::io_context>(1);
    tcp::acceptor acceptor_;
    std::jthread thread_;
};

asio::awaitable<void> Gate::Implementation::accept_all()
{
    while (acceptor_.is_open()) {
        error_code code;
        tcp::socket socket(*context_);
        co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, code));
        if (code == asio::error::operation_aborted)
            co_return;
        if (code) {  // out of descriptors, most likely: give the open ones time to end
            asio::steady_timer pause(*context_, std::chrono::milliseconds(50));
            co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, code));
            continue;
        }
        asio::co_spawn(*context_, serve(std::move(socket)), asio::detached);
    }
}

asio::awaitable<void> Gate::Implementation::serve(tcp::socket socket)
{
    ++open_connections;
    beast::tcp_stream client(std::move(socket));
    try {
        if (open_connections > limits::connections) {
            const auto request = no_request();
            auto refusal = too_many("connections", limits::connections, false);
            co_await refuse(client, refusal, request);
        } else {
            co_await serve_request(client);
        }
    } catch (const std::exception& problem) {
        spdlog::debug("connection ended: {}", problem.what());
    }
    --open_connections;
}

asio::awaitable<void> Gate::Implementation::serve_request(beast::tcp_stream& client)
{
    beast::flat_buffer buffer(limits::head_bytes + relay_bytes);
    HeadParser parser;
    parser.header_limit(limits::head_bytes);
    parser.body_limit(limits::image_bytes);
    client.expires_after(limits::head_time);
    error_code code;
    co_await http::async_read_header(client, buffer, parser, asio::redirect_error(asio::use_awaitable, code));
    if (code == beast::error::timeout)
        spdlog::info("a client did not finish its request's head in time; its connection was cut");
    if (code == http::error::end_of_stream || code == asio::error::connection_reset ||
        code == beast::error::timeout)  // then tcp_stream closed the socket: no answer is possible
        co_return;
    if (code) {
        const auto request = no_request();
        auto refusal = refusal_of(code);
        co_await refuse(client, refusal, request);
        co_return;
    }
    const auto& head = parser.get();
    const std::string target(head.target());
    const auto body = parser.content_length() ? *parser.content_length() : 0;
    auto refusal = check_headers(head, settings_.any_host);
    if (!refusal)
        refusal = check_target(target);
    const auto request = request_view(head, body, target);
    Pass pass;
    if (!refusal) {
        auto admission = co_await admit(request, target);
        if (auto* refused = std::get_if<Response>(&admission))
            refusal = std::move(*refused);
        else
            pass = std::move(std::get<Pass>(admission));
    }
    if (refusal) {
        if (head.method() == http::verb::head)
            refusal->body = std::string();
        co_await refuse(client, *refusal, request);
        co_return;
    }

    if (beast::iequals(head[http::field::expect], "100-continue")) {
        static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        co_await asio::async_write(client, asio::buffer(go_on), asio::use_awaitable);
    }
    // A handler waits for its body, and there are few: what is short it gets at once, however slowly it came.
    std::string whole(body <= limits::json_bytes ? body : 0, '\0');
    if (!whole.empty() && !co_await collect_body(client, buffer, whole))
        co_return;

    beast::tcp_stream listener(client.get_executor());
    auto to_listener = head_for_listener(head, body, *pass.ticket) + whole;
    listener.expires_after(limits::send_idle_time);
    co_await listener.async_connect(tcp::endpoint(asio::ip::address_v4::loopback(), settings_.upstream),
                                    asio::use_awaitable);
    co_await asio::async_write(listener, asio::buffer(to_listener), asio::use_awaitable);
    if (!whole.empty() || co_await relay_body(client, listener, buffer, body))
        co_await relay_answer(client, listener, pass.upload);
}

/// Waits for the decision without holding up other connections.
asio::awaitable<Admission> Gate::Implementation::admit(const Request& head, const std::string& target)
{
    struct Decision {
        std::mutex mutex;
        std::optional<Admission> made;
    };
    const auto decision = std::make_shared<Decision>();
    const auto wake = std::make_shared<asio::steady_timer>(*context_, limits::identity_time);
    const auto decide = [decision, weak_wake = std::weak_ptr(wake),
                         weak_context = std::weak_ptr(context_)](Admission admission) {
        {
            const std::scoped_lock lock(decision->mutex);
            decision->made = std::move(admission);
        }
        if (const auto context = weak_context.lock())
            asio::post(*context, [weak_wake] {
                if (const auto timer = weak_wake.lock())
                    timer->cancel();
            });
    };
    const auto take = [decision] {
        const std::scoped_lock lock(decision->mutex);
        return std::exchange(decision->made, std::nullopt);
    };
    settings_.check(head, target, decide);
    auto made = take();
    if (!made) {
        error_code ignored;
        co_await wake->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        made = take();
    }
    if (!made)
        made =
            Admission(error(503, "identity.unavailable", "nobody said in time who calls; try again later"));
    co_return std::move(*made);
}

asio::awaitable<void> Gate::Implementation::refuse(beast::tcp_stream& client, Response& response,
                                                   const Request& request)
{
    stamp(response, request.id);
    log_access(request, response.status);
    const auto wire = serialized(response);
    client.expires_after(limits::send_idle_time);
    co_await asio::async_write(client, asio::buffer(wire), asio::use_awaitable);
    // Unread bytes would make the kernel reset the connection and the client lose the answer.
    client.socket().shutdown(tcp::socket::shutdown_send);
    client.expires_after(std::chrono::seconds(2));
    std::array<char, relay_bytes> dropped;
    std::size_t total = 0;
    for (error_code code; !code && total < drain_bytes;)
        total += co_await client.async_read_some(asio::buffer(dropped),
                                                 asio::redirect_error(asio::use_awaitable, code));
}

/// Some bytes of the body; 0: it ended too early or came too slowly.
asio::awaitable<std::size_t> Gate::Implementation::read_body(beast::tcp_stream& client, std::span<char> piece,
                                                             std::chrono::steady_clock::time_point deadline)
{
    client.expires_at(std::min(deadline, std::chrono::steady_clock::now() + limits::body_idle_time));
    error_code code;
    const auto got = co_await client.async_read_some(asio::buffer(piece.data(), piece.size()),
                                                     asio::redirect_error(asio::use_awaitable, code));
    // Then tcp_stream closed the socket: no answer can be given any more.
    if (code == beast::error::timeout)
        spdlog::info("a client sent its body too slowly; its connection was cut");
    co_return code ? 0 : got;
}

/// Fills in all of `whole`, of the length it has.
asio::awaitable<bool> Gate::Implementation::collect_body(beast::tcp_stream& client, beast::flat_buffer& begun,
                                                         std::string& whole)
{
    const auto deadline = std::chrono::steady_clock::now() + limits::body_time;
    auto have = asio::buffer_copy(asio::buffer(whole), begun.data());
    while (have < whole.size()) {
        const std::span<char> rest = std::span(whole).subspan(have);
        const auto got = co_await read_body(client, rest, deadline);
        if (got == 0)
            co_return false;
        have += got;
    }
    co_return true;
}

asio::awaitable<bool> Gate::Implementation::relay_body(beast::tcp_stream& client, beast::tcp_stream& listener,
                                                       beast::flat_buffer& begun, std::uint64_t bytes)
{
    const auto deadline = std::chrono::steady_clock::now() + limits::body_time;
    const auto first = static_cast<std::size_t>(std::min<std::uint64_t>(begun.size(), bytes));
    if (first != 0)
        co_await asio::async_write(listener, asio::buffer(begun.data(), first), asio::use_awaitable);
    bytes -= first;
    std::array<char, relay_bytes> piece;
    while (bytes != 0) {
        const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), bytes));
        const std::span<char> room = std::span(piece).first(most);
        const auto got = co_await read_body(client, room, deadline);
        if (got == 0)
            co_return false;
        listener.expires_after(limits::send_idle_time);
        co_await asio::async_write(listener, asio::buffer(piece.data(), got), asio::use_awaitable);
        bytes -= got;
    }
    co_return true;
}

asio::awaitable<void> Gate::Implementation::relay_answer(beast::tcp_stream& client,
                                                         beast::tcp_stream& listener,
                                                         std::shared_ptr<void>& upload)
{
    std::array<char, relay_bytes> piece;
    for (;;) {
        listener.expires_after(limits::answer_idle_time);
        error_code code;
        const auto got = co_await listener.async_read_some(asio::buffer(piece),
                                                           asio::redirect_error(asio::use_awaitable, code));
        if (code)
            break;
        upload.reset();
        client.expires_after(limits::send_idle_time);
        co_await asio::async_write(client, asio::buffer(piece.data(), got), asio::use_awaitable);
    }
    error_code ignored;
    client.socket().shutdown(tcp::socket::shutdown_send, ignored);
}

Gate::Gate(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Gate::~Gate() = default;

Result<std::unique_ptr<Gate>> Gate::open(Settings settings)
{
    const auto where = settings.address + ":" + std::to_string(settings.port);
    error_code code;
    const auto address = asio::ip::make_address(settings.address, code);
    if (code)
        return fail(FailureKind::invalid, "listen: '" + settings.address + "' is not a numeric IP address");
    const tcp::endpoint endpoint(address, settings.port);
    auto implementation = std::make_unique<Implementation>(std::move(settings));
    try {
        implementation->listen(endpoint);
    } catch (const boost::system::system_error& problem) {
        if (problem.code() == asio::error::address_in_use)
            return fail(FailureKind::conflict, where + " is in use by another program; give --listen "
                                                       "another port or stop it");
        return fail(FailureKind::unavailable, "cannot listen on " + where + ": " + problem.code().message());
    }
    return std::unique_ptr<Gate>(new Gate(std::move(implementation)));
}

std::uint16_t Gate::port() const
{
    return implementation_->port;
}
void Gate::stop_accepting()
{
    implementation_->stop_accepting();
}
std::size_t Gate::connections() const
{
    return implementation_->open_connections;
}

}  // namespace unikernel::api
