// SPDX-License-Identifier: Apache-2.0
// Threads and what they wait with.
#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <csetjmp>
#include <csignal>
#include <deque>
#include <future>
#include <iostream>
#include <mutex>
#include <pthread.h>
#include <semaphore>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace
{

using namespace std::chrono_literals;

void queue_between_threads()
{
    std::mutex mutex;
    std::condition_variable filled;
    std::deque<int> queue;
    long sum = 0;
    std::thread consumer([&] {
        for (int left = 1000; left > 0; --left) {
            std::unique_lock lock(mutex);
            filled.wait(lock, [&] { return !queue.empty(); });
            sum += queue.front();
            queue.pop_front();
        }
    });
    for (int i = 1; i <= 1000; ++i) {
        std::lock_guard lock(mutex);
        queue.push_back(i);
        filled.notify_one();
    }
    consumer.join();
    std::cout << "queue " << sum << '\n';
}

void contended_mutex()
{
    std::mutex mutex;
    long count = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 200; ++i) {
                std::lock_guard lock(mutex);
                long seen = count;
                if (i % 20 == 0)
                    std::this_thread::yield();
                count = seen + 1;
            }
        });
    for (std::thread& thread : threads)
        thread.join();
    std::cout << "mutex " << count << '\n';
}

thread_local int own = 5;

void thread_locals()
{
    int seen = 0;
    std::thread other([&] { seen = ++own; });
    other.join();
    std::cout << "thread_local " << own << ' ' << seen << '\n';
}

void futures()
{
    auto sum = std::async(std::launch::async, [] { return 40 + 2; });
    auto failed = std::async(std::launch::async, []() -> int { throw std::runtime_error("in a thread"); });
    std::cout << "future " << sum.get() << '\n';
    try {
        failed.get();
    } catch (const std::runtime_error& error) {
        std::cout << "future threw " << error.what() << '\n';
    }
}

void others()
{
    std::shared_mutex shared;
    std::counting_semaphore<10> semaphore(0);
    std::barrier meeting(3);
    std::atomic<int> flag = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i)
        threads.emplace_back([&] {
            std::shared_lock lock(shared);
            meeting.arrive_and_wait();
            semaphore.release();
        });
    meeting.arrive_and_wait();
    semaphore.acquire();
    semaphore.acquire();
    for (std::thread& thread : threads)
        thread.join();
    std::thread waiter([&] { flag.wait(0); });
    std::this_thread::sleep_for(5ms);
    flag = 1;
    flag.notify_all();
    waiter.join();
    std::once_flag once;
    int calls = 0;
    for (int i = 0; i < 3; ++i)
        std::call_once(once, [&] { ++calls; });
    std::cout << "shared mutex, barrier, semaphore, atomic wait, once " << calls << '\n';
}

void timeouts()
{
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    auto start = std::chrono::steady_clock::now();
    bool woken = never.wait_for(lock, 30ms, [] { return false; });
    bool late = std::chrono::steady_clock::now() - start >= 30ms;
    std::cout << "wait_for " << woken << ' ' << late << '\n';
    std::timed_mutex timed;
    timed.lock();
    std::thread other([&] { std::cout << "try_lock_for " << timed.try_lock_for(10ms) << '\n'; });
    other.join();
}

void* left_behind(void* mutex)
{
    pthread_mutex_lock(static_cast<pthread_mutex_t*>(mutex));
    return nullptr;
}

void robust_mutex()
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_t mutex;
    pthread_mutex_init(&mutex, &attributes);
    pthread_t thread;
    pthread_create(&thread, nullptr, left_behind, &mutex);
    pthread_join(thread, nullptr);
    std::cout << "robust mutex " << (pthread_mutex_lock(&mutex) == EOWNERDEAD) << '\n';
}

/// Threads that never call the system get the processor in turns; vectors and the red zone survive it.
void busy_threads()
{
    std::atomic<bool> stop = false;
    std::atomic<long> turns[3] = {};
    bool right[3] = {true, true, true};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&, t] {
            double sum = t, step = 0.5 * t;
            while (!stop) {
                double before = sum;
                for (int i = 0; i < 1000; ++i)
                    sum += step;
                right[t] = right[t] && sum == before + 1000 * step;
                ++turns[t];
            }
        });
    std::this_thread::sleep_for(200ms);
    stop = true;
    for (std::thread& thread : threads)
        thread.join();
    std::cout << "busy threads " << (turns[0] > 0 && turns[1] > 0 && turns[2] > 0) << right[0] << right[1]
              << right[2] << '\n';
}

std::atomic<bool> handler_ends = false;
std::atomic<long> others_turns = 0;
bool seen_by_handler = false;
sigjmp_buf before_handler;

/// Whether another thread runs while this one computes.
bool others_run()
{
    const auto until = std::chrono::steady_clock::now() + 5s;
    const long before = others_turns;
    double sum = 0, count = 0;
    while (others_turns == before && std::chrono::steady_clock::now() < until)
        for (int i = 0; i < 100'000; ++i, ++count)
            sum += 0.5;
    return others_turns != before && sum == 0.5 * count;
}

/// A handler of signals is code as any other, and so is what it jumps to.
void busy_handlers()
{
    std::thread other([] {
        while (!handler_ends)
            ++others_turns;
    });
    std::signal(SIGUSR1, [](int) { seen_by_handler = others_run(); });
    std::raise(SIGUSR1);
    std::cout << "busy handler " << seen_by_handler << others_run() << '\n';
    std::signal(SIGUSR2, [](int) {
        seen_by_handler = others_run();
        siglongjmp(before_handler, 1);
    });
    if (sigsetjmp(before_handler, 1) == 0)
        std::raise(SIGUSR2);
    std::cout << "busy after a jump " << seen_by_handler << others_run() << '\n';
    handler_ends = true;
    other.join();
}

/// Each round's threads must leave nothing behind: 10,000 stacks would be more than the machine has.
void many_threads()
{
    std::atomic<int> count = 0;
    for (int i = 0; i < 10'000; ++i)
        std::thread([&] { ++count; }).join();
    for (int i = 0; i < 20; ++i) {
        std::vector<std::thread> threads;
        for (int t = 0; t < 50; ++t)
            threads.emplace_back([&] {
                std::this_thread::yield();
                ++count;
            });
        for (std::thread& thread : threads)
            thread.join();
    }
    for (int i = 0; i < 200; ++i)
        std::thread([&] { ++count; }).detach();
    while (count < 11'200)
        std::this_thread::sleep_for(1ms);
    std::cout << "threads " << count << '\n';
}

}  // namespace

int main()
{
    queue_between_threads();
    contended_mutex();
    thread_locals();
    futures();
    others();
    timeouts();
    robust_mutex();
    busy_threads();
    busy_handlers();
    many_threads();
    std::thread last([] { std::cout << "the last thread ends the program" << std::endl; });
    last.join();
    return 0;
}
