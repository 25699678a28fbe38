// SPDX-License-Identifier: Apache-2.0
//
// A small HTTP/1.1 server (RFC 9110, RFC 9112) on epoll, one thread.
//
//     g++ -std=c++20 -O2 server.cc -o server && ./server 8080
//
//     GET  /          a page of 612 bytes
//     GET  /private   a page for the staff; this program leaves it to others to decide who may read it
//     GET  /large     a megabyte of text
//     POST /upload    answers the number of bytes sent and their Adler-32 checksum (RFC 1950)
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <iostream>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "request.hh"

namespace
{

constexpr std::size_t max_head = 16 * 1024;      // request line and headers
constexpr std::size_t max_chunk_line = 256;      // size of a chunk, or a trailer
constexpr std::size_t receive_size = 16 * 1024;  // bytes read at once
constexpr std::size_t max_unsent = 64 * 1024;    // answers kept before the client has read earlier ones
constexpr std::size_t large_size = 1024 * 1024;  // of /large
constexpr std::string_view large_line = "The quick brown fox jumps over the lazy dog; 64 characters long.\n";

[[noreturn]] void fail(const char* what)
{
    throw std::system_error(errno, std::generic_category(), what);
}

/// Adler-32 over bytes that arrive in pieces.
class Adler32
{
public:
    void update(std::string_view bytes)
    {
        for (char byte : bytes) {
            a_ = (a_ + static_cast<unsigned char>(byte)) % 65521;
            b_ = (b_ + a_) % 65521;
        }
    }
    std::uint32_t value() const { return b_ << 16 | a_; }

private:
    std::uint32_t a_ = 1, b_ = 0;
};

std::string_view reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 431:
        return "Request Header Fields Too Large";
    case 501:
        return "Not Implemented";
    default:
        return "HTTP Version Not Supported";
    }
}

std::string page(std::string_view title, std::string_view text, std::size_t size)
{
    std::string html = "<!DOCTYPE html>\n<html>\n<head><title>" + std::string(title) +
                       "</title></head>\n<body>\n<h1>" + std::string(title) + "</h1>\n<p>" +
                       std::string(text) + "</p>\n";
    constexpr std::string_view end = "</body>\n</html>\n";
    while (html.size() + end.size() < size)
        html += html.size() % 80 == 79 ? '\n' : ' ';
    return html += end;
}

/// One client.
class Connection
{
public:
    explicit Connection(int socket) : socket_(socket) {}
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() { close(socket_); }

    /// Does what can be done without waiting; false when the connection is over.
    bool serve(std::uint32_t events)
    {
        if ((events & EPOLLIN) != 0 && !receive())
            return false;
        do {
            answer_requests();
            if (!send_answers())
                return false;
        } while (unsent() == 0 && large_left_ == 0 && progress_);
        return !closing_ || unsent() > 0 || large_left_ > 0;
    }

    bool wants_to_write() const { return unsent() > 0 || large_left_ > 0; }

    /// What epoll was told last to wait for.
    std::uint32_t interest = EPOLLIN;

private:
    enum class State { head, body, chunk_size, chunk, chunk_end, trailer };

    std::size_t unsent() const { return output_.size() - sent_; }

    bool receive()
    {
        static std::array<char, receive_size> buffer;
        ssize_t n = read(socket_, buffer.data(), buffer.size());
        if (n > 0)
            input_.append(buffer.data(), static_cast<std::size_t>(n));
        return n > 0 || (n < 0 && errno == EAGAIN);
    }

    /// Serves the requests that are in the input, unless the client lets too many answers pile up.
    void answer_requests()
    {
        progress_ = false;
        std::size_t before = consumed_;
        try {
            while (!closing_ && large_left_ == 0 && unsent() < max_unsent && step())
                progress_ = true;
        } catch (const BadRequest& bad) {
            closing_ = true;
            head_only_ = false;
            answer(bad.status, "text/plain", std::string(reason(bad.status)) + "\n");
        }
        if (consumed_ == input_.size()) {
            input_.clear();
            consumed_ = 0;
        } else if (consumed_ != before && consumed_ > max_head) {
            input_.erase(0, consumed_);
            consumed_ = 0;
        }
    }

    /// One part of a request; false when more input is needed.
    bool step()
    {
        switch (state_) {
        case State::head:
            return read_head();
        case State::body:
        case State::chunk:
            return read_body();
        case State::chunk_size:
        case State::chunk_end:
        case State::trailer:
            return read_chunk_line();
        }
        return false;
    }

    bool read_head()
    {
        std::string_view rest = std::string_view(input_).substr(consumed_);
        std::size_t end = rest.find("\r\n\r\n");
        if (end == std::string_view::npos) {
            if (rest.size() > max_head)
                throw BadRequest{431};
            return false;
        }
        Request request = parse_head(rest.substr(0, end));
        consumed_ += end + 4;
        choose_page(request);
        body_left_ = request.content_length;
        body_size_ = 0;
        checksum_ = {};
        keep_alive_ = request.keep_alive;
        head_only_ = request.method == "HEAD";
        if (request.expects_continue)
            output_ += "HTTP/1.1 100 Continue\r\n\r\n";
        if (request.chunked)
            state_ = State::chunk_size;
        else if (body_left_ > 0)
            state_ = State::body;
        else
            finish_request();
        return true;
    }

    bool read_body()
    {
        std::string_view rest = std::string_view(input_).substr(consumed_);
        std::string_view piece = rest.substr(0, std::min<std::uint64_t>(body_left_, rest.size()));
        if (piece.empty())
            return false;
        checksum_.update(piece);
        consumed_ += piece.size();
        body_size_ += piece.size();
        body_left_ -= piece.size();
        if (body_left_ == 0 && state_ == State::body)
            finish_request();
        else if (body_left_ == 0)
            state_ = State::chunk_end;
        return true;
    }

    bool read_chunk_line()
    {
        std::string_view rest = std::string_view(input_).substr(consumed_);
        std::size_t end = rest.find("\r\n");
        if (end == std::string_view::npos) {
            if (rest.size() > max_chunk_line)
                throw BadRequest{400};
            return false;
        }
        std::string_view line = rest.substr(0, end);
        if (state_ == State::chunk_size) {
            if (!parse_number(trimmed(line.substr(0, line.find(';'))), body_left_, 16))
                throw BadRequest{400};
            state_ = body_left_ > 0 ? State::chunk : State::trailer;
        } else if (state_ == State::chunk_end) {
            if (!line.empty())
                throw BadRequest{400};
            state_ = State::chunk_size;
        } else if (line.empty()) {
            finish_request();
        }
        consumed_ += end + 2;
        return true;
    }

    enum class Page { home, staff, large, upload, missing, wrong_method };

    void choose_page(const Request& request)
    {
        bool reads = request.method == "GET" || request.method == "HEAD";
        bool writes = request.method == "POST" || request.method == "PUT";
        allowed_ = request.path == "/upload" ? "POST, PUT" : "GET, HEAD";
        if (request.path == "/")
            page_ = Page::home;
        else if (request.path == "/private")
            page_ = Page::staff;
        else if (request.path == "/large")
            page_ = Page::large;
        else if (request.path == "/upload")
            page_ = Page::upload;
        else
            page_ = Page::missing;
        if (page_ != Page::missing && !(page_ == Page::upload ? writes : reads))
            page_ = Page::wrong_method;
    }

    void finish_request()
    {
        static const std::string home =
            page("Hello", "This page was served by an ordinary C++ program.", 612);
        static const std::string staff = page("Private", "Only the staff should see this page.", 256);
        state_ = State::head;
        if (!keep_alive_)
            closing_ = true;
        switch (page_) {
        case Page::home:
            return answer(200, "text/html", home);
        case Page::staff:
            return answer(200, "text/html", staff);
        case Page::large:
            answer_head(200, "text/plain", large_size);
            large_left_ = head_only_ ? 0 : large_size;
            return;
        case Page::upload:
            return answer(200, "text/plain",
                          std::to_string(body_size_) + " bytes, Adler-32 " +
                              std::to_string(checksum_.value()) + "\n");
        case Page::missing:
            return answer(404, "text/plain", "There is no such page here.\n");
        case Page::wrong_method:
            return answer(405, "text/plain", "This page has no such method.\n");
        }
    }

    void answer_head(int status, std::string_view type, std::size_t length)
    {
        output_ += "HTTP/1.1 ";
        output_ += std::to_string(status);
        output_ += ' ';
        output_ += reason(status);
        output_ += "\r\nServer: hello-web\r\nContent-Type: ";
        output_ += type;
        output_ += "\r\nContent-Length: ";
        output_ += std::to_string(length);
        if (status == 405) {
            output_ += "\r\nAllow: ";
            output_ += allowed_;
        }
        output_ += closing_ ? "\r\nConnection: close\r\n\r\n" : "\r\nConnection: keep-alive\r\n\r\n";
    }

    void answer(int status, std::string_view type, std::string_view body)
    {
        answer_head(status, type, body.size());
        if (!head_only_)
            output_ += body;
    }

    /// Sends until the client has to read first; false when it is gone.
    bool send_answers()
    {
        for (;;) {
            if (unsent() == 0) {
                output_.clear();
                sent_ = 0;
                while (large_left_ > 0 && output_.size() < receive_size) {
                    std::size_t n = std::min(large_left_, large_line.size());
                    output_ += large_line.substr(0, n);
                    large_left_ -= n;
                }
                if (output_.empty())
                    return true;
            }
            ssize_t n = send(socket_, output_.data() + sent_, unsent(), MSG_NOSIGNAL);
            if (n < 0)
                return errno == EAGAIN;
            sent_ += static_cast<std::size_t>(n);
        }
    }

    int socket_;
    std::string input_;  // received; the first consumed_ bytes are done with
    std::size_t consumed_ = 0;
    std::string output_;  // to be sent; the first sent_ bytes are on their way
    std::size_t sent_ = 0;
    std::size_t large_left_ = 0;  // of the body of /large, not yet in output_
    bool closing_ = false;        // after everything is sent
    bool progress_ = false;

    // The request that is being read.
    State state_ = State::head;
    Page page_ = Page::home;
    std::string_view allowed_;
    bool keep_alive_ = true, head_only_ = false;
    std::uint64_t body_left_ = 0, body_size_ = 0;
    Adler32 checksum_;
};

class Server
{
public:
    explicit Server(std::uint16_t port)
        : listener_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)), epoll_(epoll_create1(0))
    {
        if (listener_ < 0 || epoll_ < 0)
            fail("socket");
        int on = 1;
        setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            fail("bind");
        if (listen(listener_, 1024) != 0)
            fail("listen");
        watch(listener_, EPOLL_CTL_ADD, EPOLLIN);
    }

    [[noreturn]] void run()
    {
        std::array<epoll_event, 256> events;
        for (;;) {
            int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
            if (count < 0 && errno != EINTR)
                fail("epoll_wait");
            for (int i = 0; i < count; ++i) {
                if (events[static_cast<std::size_t>(i)].data.fd == listener_)
                    accept_clients();
                else
                    serve(events[static_cast<std::size_t>(i)]);
            }
        }
    }

private:
    void watch(int fd, int operation, std::uint32_t events)
    {
        epoll_event event{};
        event.events = events;
        event.data.fd = fd;
        if (epoll_ctl(epoll_, operation, fd, &event) != 0)
            fail("epoll_ctl");
    }

    void accept_clients()
    {
        for (;;) {
            int client = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
            if (client < 0)
                return;  // none is left, or this one has gone already
            try {
                admit(client);
            } catch (const std::bad_alloc&) {
                close(client);
            }
        }
    }

    void admit(int client)
    {
        int on = 1;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        auto index = static_cast<std::size_t>(client);
        if (connections_.size() <= index)
            connections_.resize(index + 1);
        connections_[index] = std::make_unique<Connection>(client);
        watch(client, EPOLL_CTL_ADD, EPOLLIN);
    }

    void serve(const epoll_event& event)
    {
        std::unique_ptr<Connection>& connection = connections_[static_cast<std::size_t>(event.data.fd)];
        bool alive = false;
        try {
            alive = connection->serve(event.events);
        } catch (const std::bad_alloc&) {
            // Out of memory costs this client its connection, and nobody else.
        }
        if (!alive) {
            connection.reset();  // closing the socket takes it out of epoll
            return;
        }
        // A client that does not read its answers is not read from either.
        std::uint32_t interest = connection->wants_to_write() ? EPOLLOUT : EPOLLIN;
        if (interest != connection->interest) {
            connection->interest = interest;
            watch(event.data.fd, EPOLL_CTL_MOD, interest);
        }
    }

    int listener_, epoll_;
    std::vector<std::unique_ptr<Connection>> connections_;  // by descriptor
};

}  // namespace

int main(int argc, char** argv)
{
    std::uint16_t port = 80;
    if (argc > 2 || (argc == 2 && !parse_number(std::string_view(argv[1]), port))) {
        std::cerr << "usage: " << argv[0] << " [port]\n";
        return 2;
    }
    try {
        Server server(port);
        std::cout << "listening on port " << port << std::endl;
        server.run();
    } catch (const std::exception& error) {
        std::cerr << "hello-web: " << error.what() << '\n';
        return 1;
    }
}
