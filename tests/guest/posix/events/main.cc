// SPDX-License-Identifier: Apache-2.0
// epoll, poll, select, pipes and event counters.
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <fcntl.h>
#include <iostream>
#include <poll.h>
#include <string>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;

namespace
{

int set;

int control(int operation, int fd, std::uint32_t events, std::uint64_t data = 0)
{
    epoll_event event{};
    event.events = events;
    event.data.u64 = data;
    return epoll_ctl(set, operation, fd, &event) == 0 ? 0 : -errno;
}

/// What is ready, as "data:events" of each.
std::string ready(int timeout = 0, int room = 10)
{
    epoll_event events[10];
    int count = epoll_wait(set, events, room, timeout);
    std::string text = std::to_string(count);
    for (int i = 0; i < count; ++i)
        text += " " + std::to_string(events[i].data.u64) + ":" + std::to_string(events[i].events);
    return text;
}

void put(int fd, std::uint64_t value = 1)
{
    if (write(fd, &value, sizeof value) != sizeof value)
        std::cout << "write failed\n";
}

std::uint64_t get(int fd)
{
    std::uint64_t value = 0;
    return read(fd, &value, sizeof value) == sizeof value ? value : ~std::uint64_t{0};
}

void level()
{
    int fd = eventfd(0, EFD_NONBLOCK), other = eventfd(0, EFD_NONBLOCK);
    std::cout << "add " << control(EPOLL_CTL_ADD, fd, EPOLLIN, 11) << control(EPOLL_CTL_ADD, fd, EPOLLIN)
              << control(EPOLL_CTL_MOD, other, EPOLLIN) << control(EPOLL_CTL_DEL, other, 0)
              << control(EPOLL_CTL_ADD, 99, EPOLLIN) << control(EPOLL_CTL_ADD, set, EPOLLIN) << '\n';
    std::cout << "level " << ready() << '|';
    put(fd);
    std::cout << ready() << '|' << ready() << '|';
    get(fd);
    std::cout << ready() << '\n';
    control(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT, 12);
    std::cout << "writable " << ready() << '\n';
    close(fd);
    std::cout << "closed " << ready() << '\n';
    close(other);
}

void edge()
{
    int fd = eventfd(0, EFD_NONBLOCK);
    control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, 21);
    put(fd);
    std::cout << "edge " << ready() << '|' << ready() << '|';
    put(fd);
    std::cout << ready() << '|' << ready() << '\n';
    control(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLET, 22);
    std::cout << "armed again " << ready() << '\n';
    close(fd);
}

void one_shot()
{
    int fd = eventfd(0, EFD_NONBLOCK);
    control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT, 31);
    put(fd);
    std::cout << "one-shot " << ready() << '|';
    put(fd);
    std::cout << ready() << '|';
    control(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT, 32);
    std::cout << ready() << '\n';
    close(fd);
}

/// A duplicate keeps the file in its sets, as on Linux.
void duplicates()
{
    int fd = eventfd(0, EFD_NONBLOCK);
    control(EPOLL_CTL_ADD, fd, EPOLLIN, 41);
    int copy = dup(fd);
    put(fd);
    close(fd);
    std::cout << "duplicate " << ready() << '|';
    close(copy);
    std::cout << ready() << '\n';
}

void nested()
{
    int outer = set, inner = epoll_create1(0), fd = eventfd(0, EFD_NONBLOCK);
    control(EPOLL_CTL_ADD, inner, EPOLLIN, 51);
    set = inner;
    control(EPOLL_CTL_ADD, fd, EPOLLIN, 52);
    std::cout << "loop " << control(EPOLL_CTL_ADD, outer, EPOLLIN) << '\n';
    put(fd);
    set = outer;
    std::cout << "nested " << ready() << '|';
    get(fd);
    std::cout << ready() << '\n';
    close(inner);
    close(fd);
}

void blocking()
{
    int fd = eventfd(0, 0);
    control(EPOLL_CTL_ADD, fd, EPOLLIN, 61);
    auto start = std::chrono::steady_clock::now();
    std::cout << "timeout " << ready(20) << ' ' << (std::chrono::steady_clock::now() - start >= 20ms) << '\n';
    std::thread writer([fd] {
        std::this_thread::sleep_for(10ms);
        put(fd, 5);
    });
    std::cout << "woken " << ready(5000) << '\n';
    writer.join();
    std::cout << "counter " << get(fd) << std::endl;
    std::thread reader([fd] { std::cout << "counter " << get(fd) << std::endl; });
    std::this_thread::sleep_for(10ms);
    put(fd, 3);
    reader.join();
    close(fd);
}

void many()
{
    int fds[8];
    for (int i = 0; i < 8; ++i) {
        fds[i] = eventfd(1, 0);
        control(EPOLL_CTL_ADD, fds[i], EPOLLIN, static_cast<std::uint64_t>(i));
    }
    std::cout << "in turns " << ready(0, 3) << '|' << ready(0, 3) << '|' << ready(0, 3) << '\n';
    for (int fd : fds)
        close(fd);
}

void pipes()
{
    int ends[2];
    std::cout << "pipe " << pipe2(ends, O_NONBLOCK) << '\n';
    char byte = 0;
    std::cout << "empty " << read(ends[0], &byte, 1) << (errno == EAGAIN) << '\n';
    std::string large(100'000, 'p');
    ssize_t fitted = write(ends[1], large.data(), large.size());
    int waiting = 0;
    ioctl(ends[0], FIONREAD, &waiting);
    std::cout << "full " << fitted << ' ' << waiting << ' ' << write(ends[1], "x", 1) << (errno == EAGAIN)
              << '\n';
    pollfd polled[] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}, {-1, POLLIN, 0}, {98, POLLIN, 0}};
    std::cout << "poll " << poll(polled, 4, 0);
    for (const pollfd& entry : polled)
        std::cout << ' ' << entry.revents;
    std::cout << '\n';
    fd_set in, out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(ends[0], &in);
    FD_SET(ends[1], &out);
    timeval no_time{};
    int count = select(ends[1] + 1, &in, &out, nullptr, &no_time);
    std::cout << "select " << count << FD_ISSET(ends[0], &in) << FD_ISSET(ends[1], &out) << '\n';
    while (read(ends[0], large.data(), large.size()) > 0) {
    }
    close(ends[1]);
    pollfd end{ends[0], POLLIN, 0};
    std::cout << "end " << poll(&end, 1, 0) << ' ' << end.revents << ' ' << read(ends[0], &byte, 1) << '\n';
    close(ends[0]);
    std::cout << "pipe " << pipe(ends) << '\n';
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    std::cout << "no reader " << write(ends[1], "x", 1) << (errno == EPIPE) << '\n';
    close(ends[1]);
}

void blocking_pipe()
{
    int ends[2];
    if (pipe(ends) != 0)
        return;
    std::thread writer([&] {
        std::string text(300'000, 'q');
        std::cout << "wrote " << write(ends[1], text.data(), text.size()) << std::endl;
        close(ends[1]);
    });
    std::size_t sum = 0;
    char buffer[7000];
    for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
        sum += static_cast<std::size_t>(n);
    writer.join();
    std::cout << "read " << sum << '\n';
    close(ends[0]);
}

void counters()
{
    int fd = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK);
    std::cout << "semaphore " << get(fd) << get(fd) << get(fd) << (get(fd) == ~std::uint64_t{0}) << '\n';
    put(fd, ~std::uint64_t{0} - 1);
    std::uint64_t one = 1;
    std::cout << "overflow " << write(fd, &one, sizeof one) << (errno == EAGAIN) << '\n';
    std::cout << "short " << write(fd, &one, 4) << (errno == EINVAL) << '\n';
    close(fd);
}

void descriptors()
{
    int a = dup(1), b = fcntl(1, F_DUPFD, 50), c = dup(1);
    std::cout << "numbers " << (a < c) << ' ' << b << ' ' << dup2(1, 60) << ' ' << fcntl(60, F_GETFD) << '\n';
    fcntl(60, F_SETFD, FD_CLOEXEC);
    std::cout << "flags " << fcntl(60, F_GETFD) << ' ' << (fcntl(60, F_GETFL) & O_NONBLOCK) << '\n';
    for (int fd : {a, b, c, 60})
        close(fd);
    int used = dup(1);
    std::cout << "lowest again " << (used == a) << '\n';
    close(used);
}

}  // namespace

int main()
{
    set = epoll_create1(EPOLL_CLOEXEC);
    level();
    edge();
    one_shot();
    duplicates();
    nested();
    blocking();
    many();
    pipes();
    blocking_pipe();
    counters();
    descriptors();
}
