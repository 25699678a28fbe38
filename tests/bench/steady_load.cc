// SPDX-License-Identifier: Apache-2.0
//
// Keeps a number of connections busy with one HTTP/1.1 request each at a time and watches
// for what wrk does not report: requests that are never answered, and times in which no
// connection at all gets an answer.
//
//   steady_load HOST PORT CONNECTIONS SECONDS [PATH [HEADER]]
//
// A connection that breaks counts as an error and is opened again; one whose server closes
// it orderly does too: the request asked for keep-alive. Prints one line of JSON:
// responses, errors, not_200, connected (connections that ever got an answer), longest_gap
// (seconds between two answers, whoever they were for) and longest_wait (seconds one request
// waited; those still open at the end count with their age).

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace
{

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to)
{
    return std::chrono::duration<double>(to - from).count();
}

struct Connection {
    int fd = -1;
    bool connecting = false;
    bool answered = false;
    std::string input;
    Clock::time_point sent;
};

struct Totals {
    unsigned long responses = 0, errors = 0, not_200 = 0;
    double longest_gap = 0, longest_wait = 0;
};

class SteadyLoad
{
public:
    SteadyLoad(const sockaddr_in& server, std::string request, std::size_t connections)
        : server_(server), request_(std::move(request)), connections_(connections),
          epoll_(epoll_create1(EPOLL_CLOEXEC))
    {
    }
    ~SteadyLoad()
    {
        for (Connection& connection : connections_)
            if (connection.fd >= 0)
                close(connection.fd);
        close(epoll_);
    }
    SteadyLoad(const SteadyLoad&) = delete;
    SteadyLoad& operator=(const SteadyLoad&) = delete;

    void run(double seconds)
    {
        const Clock::time_point start = Clock::now();
        last_answer_ = start;
        for (Connection& connection : connections_)
            open(connection);
        std::vector<epoll_event> events(connections_.size());
        while (seconds_between(start, Clock::now()) < seconds) {
            const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 10);
            for (int i = 0; i < count; ++i)
                serve(*static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr));
        }
        const Clock::time_point end = Clock::now();
        totals_.longest_gap = std::max(totals_.longest_gap, seconds_between(last_answer_, end));
        for (const Connection& connection : connections_)
            totals_.longest_wait = std::max(totals_.longest_wait, seconds_between(connection.sent, end));
    }

    void print() const
    {
        const auto connected = std::count_if(connections_.begin(), connections_.end(),
                                             [](const Connection& c) { return c.answered; });
        std::cout << "{\"responses\":" << totals_.responses << ",\"errors\":" << totals_.errors
                  << ",\"not_200\":" << totals_.not_200 << ",\"connected\":" << connected
                  << ",\"longest_gap\":" << totals_.longest_gap
                  << ",\"longest_wait\":" << totals_.longest_wait << "}\n";
    }

private:
    void open(Connection& connection)
    {
        connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (connection.fd < 0) {
            std::cerr
                << "steady_load: socket: open-file limit (ulimit -n) is under the number of connections?\n";
            std::exit(2);
        }
        const int on = 1;
        setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connection.input.clear();
        connection.sent = Clock::now();
        connection.connecting = true;
        connect(connection.fd, reinterpret_cast<const sockaddr*>(&server_), sizeof server_);
        epoll_event event{};
        event.events = EPOLLOUT;
        event.data.ptr = &connection;
        epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
    }

    void broke(Connection& connection)
    {
        ++totals_.errors;
        totals_.longest_wait = std::max(totals_.longest_wait, seconds_between(connection.sent, Clock::now()));
        close(connection.fd);
        open(connection);
    }

    void send_request(Connection& connection)
    {
        // A request is smaller than any send buffer: a short write means a broken connection.
        if (send(connection.fd, request_.data(), request_.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(request_.size()))
            return broke(connection);
        connection.sent = Clock::now();
    }

    void serve(Connection& connection)
    {
        if (connection.connecting) {
            connection.connecting = false;
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.ptr = &connection;
            epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
            return send_request(connection);
        }
        char chunk[16384];
        const ssize_t got = recv(connection.fd, chunk, sizeof chunk, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0)
            return broke(connection);
        connection.input.append(chunk, static_cast<std::size_t>(got));
        if (complete(connection.input))
            answer(connection);
    }

    /// One whole answer with Content-Length and nothing behind it.
    static bool complete(std::string_view input)
    {
        const std::size_t head = input.find("\r\n\r\n");
        if (head == std::string_view::npos)
            return false;
        constexpr std::string_view name = "\r\nContent-Length: ";
        const std::size_t at = input.substr(0, head).find(name);
        std::size_t length = 0;
        if (at != std::string_view::npos)
            std::from_chars(input.data() + at + name.size(), input.data() + head, length);
        return input.size() >= head + 4 + length;
    }

    void answer(Connection& connection)
    {
        const Clock::time_point now = Clock::now();
        ++totals_.responses;
        if (!connection.input.starts_with("HTTP/1.1 200"))
            ++totals_.not_200;
        totals_.longest_gap = std::max(totals_.longest_gap, seconds_between(last_answer_, now));
        totals_.longest_wait = std::max(totals_.longest_wait, seconds_between(connection.sent, now));
        last_answer_ = now;
        connection.answered = true;
        connection.input.clear();
        send_request(connection);
    }

    sockaddr_in server_;
    std::string request_;
    std::vector<Connection> connections_;
    int epoll_;
    Clock::time_point last_answer_;
    Totals totals_;
};

}  // namespace

int main(int argc, char** argv)
{
    if (argc < 5 || argc > 7) {
        std::cerr << "usage: steady_load HOST PORT CONNECTIONS SECONDS [PATH [HEADER]]\n";
        return 2;
    }
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
    if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) {
        std::cerr << "steady_load: " << argv[1] << " is not an IPv4 address\n";
        return 2;
    }
    std::string request = std::string("GET ") + (argc > 5 ? argv[5] : "/") + " HTTP/1.1\r\nHost: bench\r\n";
    if (argc > 6)
        request += std::string(argv[6]) + "\r\n";
    SteadyLoad load(server, request + "\r\n", static_cast<std::size_t>(std::atoi(argv[3])));
    load.run(std::atof(argv[4]));
    load.print();
}
