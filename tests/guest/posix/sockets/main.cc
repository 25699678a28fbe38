// SPDX-License-Identifier: Apache-2.0
// TCP and UDP over 127.0.0.1.
#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <iostream>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <string>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace
{

sockaddr_in local(unsigned short port)
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

template <typename Call>
int with_address(Call call, int fd, sockaddr_in address)
{
    return call(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 ? 0 : -errno;
}

/// 0, or the negative errno.
int bind_to(int fd, unsigned short port)
{
    return with_address(&bind, fd, local(port));
}
int connect_to(int fd, unsigned short port)
{
    return with_address(&connect, fd, local(port));
}

unsigned short port_of(int fd)
{
    sockaddr_in address{};
    socklen_t length = sizeof address;
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    return ntohs(address.sin_port);
}

int tcp(int flags = 0)
{
    return socket(AF_INET, SOCK_STREAM | flags, 0);
}
int udp(int flags = 0)
{
    return socket(AF_INET, SOCK_DGRAM | flags, 0);
}

int listener(int backlog = 8)
{
    int fd = tcp();
    bind_to(fd, 0);
    listen(fd, backlog);
    return fd;
}

struct Pair {
    int client, server;
    Pair() : Pair(listener()) {}
    explicit Pair(int listening)
    {
        client = tcp();
        connect_to(client, port_of(listening));
        server = accept(listening, nullptr, nullptr);
        close(listening);
    }
    ~Pair()
    {
        close(client);
        close(server);
    }
};

int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, level, name, &value, &length) == 0 ? value : -errno;
}

void refused()
{
    int unused = listener();
    unsigned short port = port_of(unused);
    close(unused);
    int fd = tcp();
    std::cout << "refused " << connect_to(fd, port) << '\n';
    close(fd);
    fd = tcp(SOCK_NONBLOCK);
    std::cout << "in progress " << connect_to(fd, port);
    pollfd waiting{fd, POLLOUT, 0};
    poll(&waiting, 1, 5000);
    std::cout << " error " << (waiting.revents & POLLERR) << " hang-up " << (waiting.revents & POLLHUP) << ' '
              << option(fd, SOL_SOCKET, SO_ERROR) << option(fd, SOL_SOCKET, SO_ERROR) << '\n';
    close(fd);
}

void misuse()
{
    int fd = tcp(), other = listener();
    char byte = 0;
    std::cout << "not connected " << recv(fd, &byte, 1, 0) << (errno == ENOTCONN)
              << send(fd, "x", 1, MSG_NOSIGNAL) << (errno == EPIPE || errno == ENOTCONN) << '\n';
    std::cout << "not a socket " << listen(1, 1) << (errno == ENOTSOCK) << '\n';
    std::cout << "not listening " << accept(fd, nullptr, nullptr) << (errno == EINVAL) << '\n';
    std::cout << "in use " << bind_to(fd, port_of(other)) << '\n';
    std::cout << "family " << socket(AF_INET6, SOCK_STREAM, 17) << '\n';
    std::cout << "protocol " << socket(AF_INET, SOCK_STREAM, IPPROTO_UDP) << (errno == EPROTONOSUPPORT)
              << '\n';
    std::cout << "no connection " << shutdown(fd, SHUT_WR) << (errno == ENOTCONN) << '\n';
    close(fd);
    close(other);
}

void echo()
{
    int listening = listener();
    std::thread server([&] {
        sockaddr_in peer{};
        socklen_t length = sizeof peer;
        int fd = accept4(listening, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_CLOEXEC);
        std::cout << "peer " << inet_ntoa(peer.sin_addr) << ' ' << (peer.sin_port != 0) << std::endl;
        char buffer[5000];
        for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;)
            for (ssize_t done = 0; done < n;)
                done += write(fd, buffer + done, static_cast<std::size_t>(n - done));
        close(fd);
    });
    int fd = tcp();
    connect_to(fd, port_of(listening));
    std::string sent;
    for (int i = 0; i < 200'000; ++i)
        sent += static_cast<char>('a' + i % 23);
    std::thread writer([&] {
        send(fd, sent.data(), sent.size(), MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
    });
    std::string got;
    char buffer[3000];
    for (ssize_t n; (n = recv(fd, buffer, sizeof buffer, 0)) > 0;)
        got.append(buffer, static_cast<std::size_t>(n));
    writer.join();
    server.join();
    std::cout << "echo " << got.size() << ' ' << (got == sent) << '\n';
    close(fd);
    close(listening);
}

void pieces()
{
    Pair pair;
    iovec out[] = {{const_cast<char*>("one "), 4}, {nullptr, 0}, {const_cast<char*>("two three"), 9}};
    std::cout << "writev " << writev(pair.client, out, 3) << '\n';
    std::this_thread::sleep_for(20ms);
    int available = 0;
    ioctl(pair.server, FIONREAD, &available);
    char a[5] = {}, b[20] = {};
    std::cout << "available " << available << " peek " << recv(pair.server, a, 3, MSG_PEEK) << a << '\n';
    iovec in[] = {{a, 4}, {b, 5}};
    std::cout << "readv " << readv(pair.server, in, 2) << ' ' << a << '|' << b << '\n';
    msghdr message{};
    message.msg_iov = in;
    message.msg_iovlen = 2;
    std::cout << "recvmsg " << recvmsg(pair.server, &message, 0) << ' ' << message.msg_flags << '\n';
    std::cout << "nothing " << recv(pair.server, a, 1, MSG_DONTWAIT) << (errno == EAGAIN) << '\n';
    std::thread late([&] {
        send(pair.client, "ab", 2, 0);
        std::this_thread::sleep_for(20ms);
        send(pair.client, "cd", 2, 0);
    });
    std::cout << "all " << recv(pair.server, a, 4, MSG_WAITALL) << ' ' << std::string(a, 4) << '\n';
    late.join();
    int on = 1;
    ioctl(pair.server, FIONBIO, &on);
    std::cout << "non-blocking " << read(pair.server, a, 1) << (errno == EAGAIN)
              << ((fcntl(pair.server, F_GETFL) & O_NONBLOCK) != 0) << '\n';
}

void options()
{
    Pair pair;
    timeval limit{0, 30'000};
    setsockopt(pair.server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    auto start = std::chrono::steady_clock::now();
    char byte = 0;
    ssize_t n = read(pair.server, &byte, 1);
    std::cout << "time limit " << n << (errno == EAGAIN) << (std::chrono::steady_clock::now() - start >= 29ms)
              << '\n';
    int on = 1;
    setsockopt(pair.client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::cout << "no delay " << option(pair.client, IPPROTO_TCP, TCP_NODELAY) << '\n';
    std::cout << "type " << option(pair.client, SOL_SOCKET, SO_TYPE) << " error "
              << option(pair.client, SOL_SOCKET, SO_ERROR) << " listens "
              << option(pair.client, SOL_SOCKET, SO_ACCEPTCONN) << '\n';
    std::cout << "keep alive " << setsockopt(pair.client, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on)
              << setsockopt(pair.client, IPPROTO_TCP, TCP_KEEPIDLE, &on, sizeof on) << '\n';
    std::cout << "unknown " << setsockopt(pair.client, SOL_SOCKET, 9999, &on, sizeof on)
              << (errno == ENOPROTOOPT) << '\n';
}

void endings()
{
    char byte = 0;
    {
        Pair pair;
        shutdown(pair.client, SHUT_WR);
        std::cout << "half closed " << read(pair.server, &byte, 1) << write(pair.server, "z", 1)
                  << read(pair.client, &byte, 1) << byte << '\n';
        std::cout << "after shutdown " << send(pair.client, "x", 1, MSG_NOSIGNAL) << (errno == EPIPE) << '\n';
    }
    {
        Pair pair;
        linger at_once{1, 0};
        setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(pair.client);
        pair.client = -1;
        pollfd waiting{pair.server, POLLIN, 0};
        poll(&waiting, 1, 2000);
        std::cout << "reset " << read(pair.server, &byte, 1) << (errno == ECONNRESET) << '\n';
    }
    {
        Pair pair;
        std::thread closer([&] {
            std::this_thread::sleep_for(20ms);
            shutdown(pair.server, SHUT_RDWR);
        });
        std::cout << "woken by shutdown " << read(pair.server, &byte, 1) << '\n';
        closer.join();
    }
}

/// Connections that both peers ended, and that the stack has forgotten, are closed: what it has put in their
/// place goes on.
void late_close()
{
    constexpr int count = 8;
    std::vector<int> ended;
    for (int i = 0; i < count; ++i) {
        Pair pair;
        shutdown(pair.client, SHUT_WR);
        char byte = 0;
        if (read(pair.server, &byte, 1) == 0)
            ended.push_back(std::exchange(pair.client, -1));
    }
    std::this_thread::sleep_for(4s);
    std::vector<Pair> fresh(count);
    for (int fd : ended)
        close(fd);
    int alive = 0;
    for (Pair& pair : fresh) {
        char byte = 0;
        alive +=
            send(pair.client, "o", 1, MSG_NOSIGNAL) == 1 && read(pair.server, &byte, 1) == 1 && byte == 'o';
    }
    std::cout << "late close " << ended.size() << ' ' << alive << '\n';
}

void listening_ends()
{
    int listening = listener();
    std::thread closer([&] {
        std::this_thread::sleep_for(20ms);
        shutdown(listening, SHUT_RDWR);
    });
    std::cout << "accept ended " << accept(listening, nullptr, nullptr) << (errno == EINVAL) << '\n';
    closer.join();
    close(listening);
}

void flow_control()
{
    Pair pair;
    fcntl(pair.client, F_SETFL, O_NONBLOCK);
    std::vector<char> block(10'000, 'f');
    std::size_t sent = 0;
    pollfd room{pair.client, POLLOUT, 0};
    while (poll(&room, 1, 100) == 1)
        if (ssize_t n = write(pair.client, block.data(), block.size()); n > 0)
            sent += static_cast<std::size_t>(n);
    while (write(pair.client, "f", 1) == 1)
        ++sent;
    std::cout << "full " << (errno == EAGAIN) << '\n';
    int set = epoll_create1(0);
    epoll_event event{};
    event.events = EPOLLOUT | EPOLLET;
    epoll_ctl(set, EPOLL_CTL_ADD, pair.client, &event);
    std::cout << "not writable " << epoll_wait(set, &event, 1, 50) << '\n';
    std::thread reader([&] {
        std::vector<char> sink(20'000);
        std::size_t got = 0;
        while (got < sent) {
            ssize_t n = read(pair.server, sink.data(), sink.size());
            if (n <= 0)
                break;
            got += static_cast<std::size_t>(n);
        }
        std::cout << "drained " << (got == sent) << std::endl;
    });
    int writable = epoll_wait(set, &event, 1, 5000);
    reader.join();
    std::cout << "writable again " << writable << '\n';
    close(set);
}

/// A datagram without bytes takes memory too: of many that nobody reads most are dropped.
void empty_datagrams()
{
    constexpr int many = 5000;
    int a = udp(), b = udp();
    bind_to(a, 0);
    connect_to(b, port_of(a));
    for (int i = 0; i < many; ++i) {
        send(b, "", 0, 0);
        sched_yield();  // the network has its turn
    }
    char byte = 0;
    int kept = 0;
    while (recv(a, &byte, 1, MSG_DONTWAIT) == 0)
        ++kept;
    std::cout << "kept " << (kept >= 100) << (kept < many / 2) << '\n';
    send(b, "x", 1, 0);
    std::cout << "and then " << recv(a, &byte, 1, 0) << byte << '\n';
    close(a);
    close(b);
}

void datagrams()
{
    int a = udp(), b = udp();
    bind_to(a, 0);
    bind_to(b, 0);
    sockaddr_in to = local(port_of(a)), from{};
    socklen_t length = sizeof from;
    char buffer[100] = {};
    sendto(b, "hello", 5, 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
    ssize_t n = recvfrom(a, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &length);
    std::cout << "datagram " << n << ' ' << buffer << ' ' << (ntohs(from.sin_port) == port_of(b)) << '\n';
    std::cout << "connected " << connect_to(b, port_of(a)) << ' ' << send(b, "longer text", 11, 0) << '\n';
    std::cout << "cut " << recv(a, buffer, 4, MSG_TRUNC) << ' ' << recv(a, buffer, 4, MSG_DONTWAIT) << '\n';
    sendto(a, "", 0, 0, reinterpret_cast<sockaddr*>(&from), sizeof from);
    std::cout << "empty " << recv(b, buffer, 4, 0) << '\n';
    mmsghdr messages[3] = {};
    iovec parts[3] = {{buffer, 3}, {buffer + 3, 3}, {buffer + 6, 3}};
    for (int i = 0; i < 3; ++i) {
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    std::cout << "several " << sendmmsg(b, messages, 3, 0);
    std::this_thread::sleep_for(20ms);
    std::cout << ' ' << recvmmsg(a, messages, 3, MSG_WAITFORONE, nullptr) << ' ' << messages[2].msg_len
              << '\n';
    std::cout << "nowhere " << send(udp(), "x", 1, 0) << (errno == EDESTADDRREQ) << '\n';
    close(a);
    close(b);
}

void backlog()
{
    int listening = listener(4);
    std::vector<int> clients;
    for (int i = 0; i < 4; ++i) {
        clients.push_back(tcp());
        connect_to(clients.back(), port_of(listening));
    }
    int accepted = 0;
    fcntl(listening, F_SETFL, O_NONBLOCK);
    for (int fd; (fd = accept(listening, nullptr, nullptr)) >= 0; ++accepted)
        clients.push_back(fd);
    std::cout << "accepted " << accepted << (errno == EAGAIN) << '\n';
    for (int fd : clients)
        close(fd);
    clients.clear();
    listen(listening, -1);  // as many as there may be
    for (int i = 0; i < 16; ++i) {
        clients.push_back(tcp());
        connect_to(clients.back(), port_of(listening));
    }
    for (accepted = 0; (clients.push_back(accept(listening, nullptr, nullptr)), clients.back() >= 0);
         ++accepted) {
    }
    std::cout << "more accepted " << accepted << '\n';
    for (int fd : clients)
        close(fd);
    close(listening);
}

void churn()
{
    int listening = listener(64);
    std::thread server([&] {
        for (int i = 0; i < 500; ++i) {
            int fd = accept(listening, nullptr, nullptr);
            char byte = 0;
            if (read(fd, &byte, 1) == 1)
                send(fd, &byte, 1, MSG_NOSIGNAL);
            close(fd);
        }
    });
    int served = 0;
    for (int i = 0; i < 500; ++i) {
        int fd = tcp();
        char byte = 'c';
        connect_to(fd, port_of(listening));
        send(fd, &byte, 1, MSG_NOSIGNAL);
        served += read(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 0;
        close(fd);
    }
    server.join();
    close(listening);
    std::cout << "connections " << served << '\n';
}

void names()
{
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_family = AF_INET;
    for (const char* name : {"192.0.2.7", "localhost"}) {
        int error = getaddrinfo(name, "8080", &hints, &found);
        if (error != 0) {
            std::cout << name << ": " << gai_strerror(error) << '\n';
            continue;
        }
        auto* address = reinterpret_cast<sockaddr_in*>(found->ai_addr);
        std::cout << name << " is " << inet_ntoa(address->sin_addr) << ':' << ntohs(address->sin_port)
                  << '\n';
        freeaddrinfo(found);
    }
}

}  // namespace

int main()
{
    refused();
    misuse();
    echo();
    pieces();
    options();
    endings();
    late_close();
    listening_ends();
    flow_control();
    datagrams();
    empty_datagrams();
    backlog();
    churn();
    names();
}
