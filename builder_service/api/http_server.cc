// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/http_server.hh"

#include <atomic>
#include <charconv>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cpprest/containerstream.h>
#include <cpprest/filestream.h>
#include <cpprest/http_listener.h>
#include <cpprest/producerconsumerstream.h>
#include <spdlog/spdlog.h>

#include "builder_service/api/access_log.hh"
#include "builder_service/api/errors.hh"
#include "builder_service/api/gate.hh"
#include "builder_service/api/limits.hh"
#include "builder_service/api/microversion.hh"
#include "builder_service/api/project_places.hh"
#include "builder_service/builds/new_id.hh"
#include "builder_service/openstack/http_threads.hh"
#include "common/util/digest.hh"
#include "common/util/executor.hh"

namespace unikernel::api
{

namespace streams = concurrency::streams;
using web::http::http_request;
using web::http::http_response;
using web::http::experimental::listener::http_listener;

namespace
{

/// Requests being answered, so that stopping can wait for them.
class InFlight
{
public:
    void begin()
    {
        const std::scoped_lock lock(mutex_);
        ++count_;
    }
    void end()
    {
        const std::scoped_lock lock(mutex_);
        --count_;
        changed_.notify_all();
    }
    bool wait_none(std::chrono::milliseconds limit)
    {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, limit, [this] { return count_ == 0; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t count_ = 0;
};

/// Who may pass on from the gate to the listener. A ticket is random and short-lived; it is looked up by its
/// digest, so that the time which that takes says nothing of those there are. Thread-safe.
class Tickets
{
public:
    /// `place`: the connection's, held as long as the ticket.
    Ticket issue(std::shared_ptr<Tickets> self, Caller caller, ProjectPlaces::Place place)
    {
        auto text = new_id() + new_id();
        const auto key = sha256(text);
        {
            const std::scoped_lock lock(mutex_);
            callers_.emplace(key, std::move(caller));
        }
        return {new std::string(std::move(text)),
                [self = std::move(self), place = std::move(place), key](const std::string* ticket) {
                    self->withdraw(key);
                    const std::unique_ptr<const std::string> owned(ticket);
                }};
    }
    std::optional<Caller> holder(std::string_view ticket)
    {
        const auto key = sha256(ticket);
        const std::scoped_lock lock(mutex_);
        const auto found = callers_.find(key);
        return found == callers_.end() ? std::nullopt : std::optional(found->second);
    }

private:
    void withdraw(const Digest& key)
    {
        const std::scoped_lock lock(mutex_);
        callers_.erase(key);
    }
    std::mutex mutex_;
    std::map<Digest, Caller> callers_;
};

class CpprestBody final : public BodyReader
{
public:
    explicit CpprestBody(const http_request& request) : buffer_(request.body().streambuf()) {}

    Result<std::size_t> read(std::span<std::byte> target) override
    {
        try {
            return buffer_.getn(reinterpret_cast<std::uint8_t*>(target.data()), target.size()).get();
        } catch (const std::exception&) {
            return fail(FailureKind::unavailable, "the client went away before the end of its body");
        }
    }

private:
    streams::streambuf<std::uint8_t> buffer_;
};

class CpprestSink final : public LiveSink
{
public:
    void write(std::string_view text) override
    {
        const std::scoped_lock lock(mutex_);
        if (gone_ || closed_)
            return;
        // This buffer grows instead of blocking, so the task is complete when putn returns;
        // sync() hands over what is there instead of waiting for a whole chunk.
        buffer_.putn_nocopy(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()).wait();
        buffer_.sync().wait();
    }
    std::size_t unsent() const override { return buffer_.in_avail(); }
    bool gone() const override { return gone_; }
    void close() override
    {
        const std::scoped_lock lock(mutex_);
        if (!std::exchange(closed_, true))
            buffer_.close(std::ios_base::out).wait();
    }
    /// On a thread of cpprestsdk, which must not wait for anything: its closing does.
    void set_gone() { gone_ = true; }
    streams::istream reading_end() { return buffer_.create_istream(); }

private:
    std::mutex mutex_;
    mutable streams::producer_consumer_buffer<std::uint8_t> buffer_;
    std::atomic<bool> gone_{false};
    bool closed_ = false;
};

/// A port which is free now; cpprestsdk cannot bind to port 0 and say what it got.
std::uint16_t free_port()
{
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return 0;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    std::uint16_t port = 0;
    if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
        ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0)
        port = ntohs(address.sin_port);
    ::close(descriptor);
    return port;
}

Request request_view(const http_request& from)
{
    Request request;
    request.id = new_request_id();
    request.method = from.method();
    for (const auto& [name, value] : from.headers())
        request.headers.insert_or_assign(name, value);
    const auto length = request.header("Content-Length");
    std::from_chars(length.data(), length.data() + length.size(), request.body_bytes);
    return request;
}

/// An empty body stream which is not at its end for cpprestsdk's sake: with a Content-Length
/// it writes the head, finds no bytes, and closes. Without any body it would write
/// "Content-Length: <n>, 0". That is what the answer to a HEAD needs.
void set_body_of_head(http_response& response, std::uint64_t bytes)
{
    response.headers().add("Content-Length", bytes);
    if (bytes != 0)
        response.set_body(streams::bytestream::open_istream(std::vector<std::uint8_t>{}), bytes);
}

/// Throws when the file of a FileRange cannot be opened.
http_response message_of(const Response& response, bool head, CpprestSink* sink)
{
    http_response out(static_cast<web::http::status_code>(response.status));
    out.set_reason_phrase(std::string(reason_phrase(response.status)));
    if (sink != nullptr) {
        out.set_body(sink->reading_end());
    } else if (const auto* text = std::get_if<std::string>(&response.body)) {
        if (head)
            set_body_of_head(out, text->size());
        else
            out.set_body(std::vector<std::uint8_t>(text->begin(), text->end()));
    } else if (const auto* range = std::get_if<FileRange>(&response.body)) {
        if (head) {
            set_body_of_head(out, range->bytes);
        } else {
            auto file = streams::file_stream<std::uint8_t>::open_istream(range->file.string()).get();
            file.seek(static_cast<std::streamoff>(range->offset));
            out.set_body(file, range->bytes);
        }
    }
    out.headers().remove("Content-Type");  // set_body made one up
    for (const auto& [name, value] : response.headers)
        out.headers()[name] = value;
    out.headers()["Connection"] = "close";
    return out;
}

}  // namespace

class HttpServer::Implementation
{
public:
    Implementation(const Router& router, AccessControl& access) : router_(router), access_(access) {}

    Result<void> open_listener()
    {
        start_http_threads();
        for (int attempt = 0;; ++attempt) {
            listener_port_ = free_port();
            listener_ = std::make_unique<http_listener>(
                web::uri("http://127.0.0.1:" + std::to_string(listener_port_) + "/"));
            listener_->support([this](const http_request& request) { take(request); });
            try {
                listener_->open().wait();
                return {};
            } catch (const std::exception& problem) {
                if (attempt == 9)
                    return fail(FailureKind::unavailable,
                                std::string("no port on 127.0.0.1 for the listener: ") + problem.what());
            }
        }
    }

    Result<void> open_gate(const Address& address, bool any_host)
    {
        auto gate = Gate::open(
            {.address = address.host,
             .port = address.port,
             .upstream = listener_port_,
             .any_host = any_host,
             .check = [this](Request head, const std::string& target, std::function<void(Admission)> decide) {
                 check(std::move(head), target, std::move(decide));
             }});
        if (!gate)
            return tl::unexpected(gate.error());
        gate_ = std::move(*gate);
        return {};
    }

    std::uint16_t port() const { return gate_->port(); }
    bool stop(std::chrono::milliseconds limit);

private:
    /// Those who may be inside at once; a decision may need them when all of this is gone.
    struct Places {
        ProjectPlaces connections{limits::connections, limits::project_connections};
        ProjectPlaces uploads{limits::uploads, limits::project_uploads};
        std::shared_ptr<Tickets> tickets = std::make_shared<Tickets>();

        Admission admit(Caller caller, bool upload);
    };

    void check(Request head, const std::string& target, std::function<void(Admission)> decide);
    void take(const http_request& message);
    void answer(const http_request& message, Request request);
    Response handle(const http_request& message, Request& request);
    void send(const http_request& message, const Request& request, Response response,
              std::chrono::steady_clock::time_point begun);

    const Router& router_;
    AccessControl& access_;
    const std::shared_ptr<Places> places_ = std::make_shared<Places>();
    /// Shared with the ends of answers, which cpprestsdk may call when all of this is gone.
    const std::shared_ptr<InFlight> in_flight_ = std::make_shared<InFlight>();
    Executor executor_{limits::handler_threads, limits::waiting_requests};
    std::uint16_t listener_port_ = 0;
    std::unique_ptr<http_listener> listener_;
    std::unique_ptr<Gate> gate_;
};

/// On the gate's thread.
void HttpServer::Implementation::check(Request head, const std::string& target,
                                       std::function<void(Admission)> decide)
{
    auto match = router_.match(head, target);
    if (auto* refusal = std::get_if<Response>(&match)) {
        decide(std::move(*refusal));
        return;
    }
    if (auto refusal = check_microversion(head)) {
        decide(std::move(*refusal));
        return;
    }
    const auto& route = *std::get<const Route*>(match);
    access_.decide(route.rule, head,
                   [places = places_, upload = route.is_upload(),
                    decide = std::move(decide)](AccessControl::Decision decision) {
                       if (auto* refusal = std::get_if<Response>(&decision))
                           decide(std::move(*refusal));
                       else
                           decide(places->admit(std::move(std::get<Caller>(decision)), upload));
                   });
}

Admission HttpServer::Implementation::Places::admit(Caller caller, bool upload)
{
    auto connection = connections.take(caller);
    if (!connection.place)
        return too_many("connections", limits::project_connections, connection.by_own_project);
    auto body = upload ? uploads.take(caller) : ProjectPlaces::Taken{};
    if (upload && !body.place)
        return too_many("uploads", body.by_own_project ? limits::project_uploads : limits::uploads,
                        body.by_own_project);
    return Pass{tickets->issue(tickets, std::move(caller), std::move(connection.place)),
                std::move(body.place)};
}

/// On a thread of cpprestsdk: hands over and returns, because all connections share few threads.
void HttpServer::Implementation::take(const http_request& message)
{
    const auto now = std::chrono::steady_clock::now();
    auto request = request_view(message);
    in_flight_->begin();
    auto caller = places_->tickets->holder(request.header(Gate::ticket_header));
    if (!caller) {
        send(message, request, error(403, "gate.missing", "this is not the service's public port"), now);
        return;
    }
    request.id = caller->request_id;
    request.caller = std::move(*caller);
    auto task = [this, message, request] { answer(message, request); };
    if (!executor_.post(std::move(task)))
        send(message, request,
             error(503, "requests.too-many", "too many requests wait; try again in a second"), now);
}

/// On a thread of ours.
void HttpServer::Implementation::answer(const http_request& message, Request request)
{
    const auto begun = std::chrono::steady_clock::now();
    try {
        send(message, request, handle(message, request), begun);
    } catch (const std::exception& problem) {
        spdlog::error("{} {} {}: {}", log_context(request), request.method, request.path, problem.what());
        send(message, request,
             error(500, "internal",
                   "a bug of the service; its log says more under the request id in this answer"),
             begun);
    }
}

Response HttpServer::Implementation::handle(const http_request& message, Request& request)
{
    const auto& uri = message.request_uri();
    const auto target = uri.path() + (uri.query().empty() ? "" : "?" + uri.query());
    auto match = router_.match(request, target);
    if (auto* refusal = std::get_if<Response>(&match))
        return std::move(*refusal);
    CpprestBody body(message);
    request.body = &body;
    auto response = std::get<const Route*>(match)->handler(request);
    request.body = nullptr;
    return response;
}

void HttpServer::Implementation::send(const http_request& message, const Request& request, Response response,
                                      std::chrono::steady_clock::time_point begun)
{
    stamp(response, request.id);
    const auto sink = std::holds_alternative<LiveStart>(response.body) && request.method != "HEAD"
                          ? std::make_shared<CpprestSink>()
                          : nullptr;
    const auto out = message_of(response, request.method == "HEAD", sink.get());
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
    log_access(request, response.status, took);
    message.reply(out).then([in_flight = in_flight_, sink](const pplx::task<void>& sent) {
        try {
            sent.get();
        } catch (const std::exception& problem) {
            spdlog::debug("answer not taken by its client: {}", problem.what());
        }
        if (sink)
            sink->set_gone();
        in_flight->end();
    });
    if (sink)
        std::get<LiveStart>(response.body)(sink);
}

bool HttpServer::Implementation::stop(std::chrono::milliseconds limit)
{
    const auto deadline = std::chrono::steady_clock::now() + limit;
    gate_->stop_accepting();
    in_flight_->wait_none(limit);
    // The gate must have passed on the last bytes before the listener may cut connections.
    while (gate_->connections() != 0 && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    gate_.reset();
    // close() waits without limit for connections it believes open, so it gets a thread of its own.
    auto closed = std::make_shared<std::promise<void>>();
    auto done = closed->get_future();
    std::thread([closed, listener = listener_.get()] {
        try {
            listener->close().wait();
        } catch (const std::exception& problem) {
            spdlog::warn("listener: {}", problem.what());
        }
        closed->set_value();
    }).detach();
    return done.wait_until(deadline + std::chrono::seconds(1)) == std::future_status::ready;
}

HttpServer::HttpServer(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation))
{
}
HttpServer::~HttpServer() = default;

Result<HttpServer::Address> HttpServer::parse_address(const std::string& text)
{
    const auto colon = text.rfind(':');
    auto host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']'))
        host = host.substr(1, host.size() - 2);
    unsigned port = 65536;
    if (colon != std::string::npos) {
        const auto* end = text.data() + text.size();
        const auto [at, code] = std::from_chars(text.data() + colon + 1, end, port);
        if (code != std::errc{} || at != end)
            port = 65536;
    }
    in_addr four{};
    in6_addr six{};
    const bool is_four = ::inet_pton(AF_INET, host.c_str(), &four) == 1;
    const bool is_six = ::inet_pton(AF_INET6, host.c_str(), &six) == 1;
    if (port > 65535 || (!is_four && !is_six))
        return fail(FailureKind::invalid,
                    "listen: '" + text + "' is not an address and port such as 127.0.0.1:8770 or [::1]:0");
    const bool loopback = is_four ? (ntohl(four.s_addr) >> 24) == 127 : IN6_IS_ADDR_LOOPBACK(&six);
    return Address{host, static_cast<std::uint16_t>(port), loopback};
}

Result<std::unique_ptr<HttpServer>> HttpServer::open(const Address& address, const Router& router,
                                                     AccessControl& access, bool any_host)
{
    auto implementation = std::make_unique<Implementation>(router, access);
    if (auto opened = implementation->open_listener(); !opened)
        return tl::unexpected(opened.error());
    if (auto opened = implementation->open_gate(address, any_host); !opened)
        return tl::unexpected(opened.error());
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(implementation)));
}

std::uint16_t HttpServer::port() const
{
    return implementation_->port();
}
bool HttpServer::stop(std::chrono::milliseconds limit)
{
    return implementation_->stop(limit);
}

}  // namespace unikernel::api
