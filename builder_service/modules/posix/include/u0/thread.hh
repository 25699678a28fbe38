// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "u0/list.hh"
#include "u0/types.hh"

namespace u0
{

/// One thread of the application. The first one exists always; module posix-threads makes the others.
///
/// A thread runs until it blocks, yields or ends, or (module posix-threads) its turn is over while it runs
/// code of the application. Code of libos is never interrupted by another thread, so what it finds true stays
/// true until it calls something that may block.
struct Thread {
    alignas(16) unsigned char vectors[512] = {};  ///< FXSAVE area: x87, MXCSR, xmm0-15
    void* stack = nullptr;                        ///< saved rsp while it does not run
    std::uint64_t fs_base = 0;                    ///< thread-local storage of the C library
    Nanoseconds deadline = never;
    int id = 1;
    int* clear_on_exit = nullptr;  ///< set_tid_address: cleared and woken when the thread ends
    void* robust_list = nullptr;   ///< set_robust_list: head of the mutexes it holds
    std::uint64_t signal_mask = 0;
    bool blocked = false;
    bool timed_out = false;
    Link<Thread> run;    ///< in the run queue
    Link<Thread> queue;  ///< in the WaitQueue it waits in
    Link<Thread> timer;  ///< in the list of deadlines
};

/// Threads that wait for one condition.
class WaitQueue
{
public:
    /// Blocks the running thread until it is woken; false when the deadline came first.
    bool wait(Nanoseconds deadline = never);

    /// Makes up to `count` threads runnable, in the order in which they came; returns how many.
    int wake(int count = 1);

    bool empty() const { return threads_.empty(); }

private:
    List<Thread, &Thread::queue> threads_;
};

namespace scheduler
{

Thread& current();

/// Blocks the running thread until somebody calls wake() for it; false when the deadline came first. While
/// no thread can run, the network is polled and the processor sleeps.
bool block(Nanoseconds deadline);

/// Makes a blocked thread runnable. Nothing happens to one that is not blocked.
void wake(Thread& thread);

/// Lets other runnable threads and the network have a turn.
void yield();

/// Whether another thread waits for its turn, or has waited until its deadline.
bool others_can_run();

/// Adds a thread whose `stack` was prepared for u0_thread_start.
void start(Thread& thread);

/// Ends the running thread and hands it to `release` once nothing uses its stack any more.
[[noreturn]] void end(void (*release)(Thread&));

/// Sets and loads the FS base of the running thread.
void set_fs_base(std::uint64_t base);

/// Number of threads that have started and not ended.
int thread_count();

}  // namespace scheduler
}  // namespace u0
