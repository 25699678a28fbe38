// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <chrono>
#include <ctime>
#include <iostream>
#include <poll.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

namespace
{

/// Whether it took as long as it should, and not much longer (the host may be busy).
template <typename Action>
bool takes(std::chrono::milliseconds span, Action action)
{
    auto start = Steady::now();
    action();
    auto passed = Steady::now() - start;
    return passed >= span && passed < span + 500ms;
}

void sleeping()
{
    std::cout << "sleep_for " << takes(20ms, [] { std::this_thread::sleep_for(20ms); }) << '\n';
    std::cout << "usleep " << takes(10ms, [] { usleep(10'000); }) << '\n';
    std::cout << "sleep_until " << takes(10ms, [] {
        timespec at{};
        clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_nsec += 10'000'000;
        at.tv_sec += at.tv_nsec / 1'000'000'000;
        at.tv_nsec %= 1'000'000'000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
    }) << '\n';
    timespec wrong{0, 2'000'000'000};
    std::cout << "nanosleep " << nanosleep(&wrong, nullptr) << ' ' << (errno == EINVAL) << '\n';
}

void clocks()
{
    auto a = Steady::now(), b = Steady::now();
    std::cout << "steady " << (b >= a) << '\n';
    auto wall = std::chrono::system_clock::now().time_since_epoch();
    std::cout << "wall " << (wall > std::chrono::hours(24 * 365 * 54)) << '\n';
    timeval now{};
    gettimeofday(&now, nullptr);
    std::time_t seconds = std::time(nullptr);
    std::cout << "time " << (seconds - now.tv_sec <= 1) << '\n';
    std::tm utc{};
    std::time_t zero = 0;
    gmtime_r(&zero, &utc);
    std::cout << "epoch " << utc.tm_year + 1900 << '\n';
    std::cout << "processor " << (std::clock() >= 0) << '\n';
    timespec resolution{};
    std::cout << "resolution " << clock_getres(CLOCK_MONOTONIC, &resolution) << '\n';
    std::cout << "no clock " << clock_gettime(99, &resolution) << ' ' << (errno == EINVAL) << '\n';
}

void timers()
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    std::uint64_t count = 0;
    std::cout << "timerfd " << read(fd, &count, sizeof count) << ' ' << (errno == EAGAIN) << '\n';
    itimerspec every{{0, 5'000'000}, {0, 10'000'000}};
    timerfd_settime(fd, 0, &every, nullptr);
    pollfd waiting{fd, POLLIN, 0};
    std::cout << "first " << takes(9ms, [&] { poll(&waiting, 1, 1000); }) << '\n';
    std::this_thread::sleep_for(20ms);
    std::cout << "expired " << (read(fd, &count, sizeof count) == sizeof count) << ' ' << (count >= 4)
              << '\n';
    itimerspec left{};
    timerfd_gettime(fd, &left);
    std::cout << "left " << (left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 5'000'000) << '\n';
    itimerspec off{};
    timerfd_settime(fd, 0, &off, nullptr);
    std::cout << "off " << poll(&waiting, 1, 30) << '\n';
    itimerspec once_in_centuries{{20'000'000'000, 0}, {0, 10'000'000}};
    timerfd_settime(fd, 0, &once_in_centuries, nullptr);
    poll(&waiting, 1, 1000);
    std::cout << "rarely " << (read(fd, &count, sizeof count) == sizeof count) << ' ' << count;
    std::cout << ' ' << poll(&waiting, 1, 30) << std::endl;
    close(fd);
}

}  // namespace

int main()
{
    sleeping();
    clocks();
    timers();
}
