// SPDX-License-Identifier: Apache-2.0
#include "u0/clock.hh"
#include "u0/cpu.hh"
#include "u0/irq.hh"
#include "u0/thread.hh"

extern "C" void u0_switch(void** save_stack, void* stack, void* save_vectors, void* vectors);
extern "C" void u0_thread_started();

namespace u0
{
namespace
{

using Timers = List<Thread, &Thread::timer>;

Thread first_thread;
Thread* running = &first_thread;
List<Thread, &Thread::run> run_queue;
Timers timers;  // earliest first
int threads = 1;

// What the last thread that ended left behind: its stack is in use until somebody else runs.
Thread* ended = nullptr;
void (*release_ended)(Thread&) = nullptr;

constexpr unsigned turns_per_poll = 32;  ///< network polls while threads never stop being runnable
unsigned turns = 0;

void add_timer(Thread& thread)
{
    // From the back: most deadlines are later than those already set.
    Thread* after = timers.back();
    while (after && after->deadline > thread.deadline)
        after = Timers::previous(*after);
    timers.insert(thread, after ? Timers::next(*after) : timers.front());
}

void expire_timers()
{
    if (timers.empty())
        return;
    std::uint64_t now = monotonic_ns();
    while (Thread* first = timers.front()) {
        if (first->deadline > now)
            return;
        first->timed_out = true;
        scheduler::wake(*first);
    }
}

void set_fs_register(std::uint64_t base)
{
    constexpr std::uint32_t ia32_fs_base = 0xC0000100;
    cpu::wrmsr(ia32_fs_base, base);
}

void after_switch()
{
    if (ended) {
        Thread* gone = ended;
        ended = nullptr;
        release_ended(*gone);
    }
}

void switch_to(Thread& next)
{
    Thread& previous = *running;
    running = &next;
    set_fs_register(next.fs_base);
    u0_switch(&previous.stack, next.stack, previous.vectors, next.vectors);
    after_switch();
}

/// Runs somebody else, or waits; returns when the caller has its turn again.
void run_next()
{
    if (++turns % turns_per_poll == 0) {
        expire_timers();
        poll();
    }
    for (bool idled = false;; idled = true) {
        if (Thread* next = run_queue.pop_front()) {
            if (idled)
                irq::expect_tick();
            if (next != running)
                switch_to(*next);
            return;
        }
        idle(timers.empty() ? never : timers.front()->deadline);
        expire_timers();
    }
}

}  // namespace

bool WaitQueue::wait(Nanoseconds deadline)
{
    Thread& self = scheduler::current();
    threads_.push_back(self);
    bool woken = scheduler::block(deadline);
    threads_.remove(self);
    return woken;
}

int WaitQueue::wake(int count)
{
    int woken = 0;
    while (woken < count) {
        Thread* thread = threads_.pop_front();
        if (!thread)
            break;
        thread->timed_out = false;  // its deadline may have come too, but it has not run since
        scheduler::wake(*thread);
        ++woken;
    }
    return woken;
}

namespace scheduler
{

Thread& current()
{
    return *running;
}
int thread_count()
{
    return threads;
}

bool block(Nanoseconds deadline)
{
    Thread& self = *running;
    self.blocked = true;
    self.timed_out = false;
    self.deadline = deadline;
    if (deadline != never)
        add_timer(self);
    run_next();
    return !self.timed_out;
}

void wake(Thread& thread)
{
    if (!thread.blocked)
        return;
    thread.blocked = false;
    timers.remove(thread);
    run_queue.push_back(thread);
}

void yield()
{
    expire_timers();
    poll();
    run_queue.push_back(*running);
    run_next();
}

bool others_can_run()
{
    expire_timers();
    return !run_queue.empty();
}

void start(Thread& thread)
{
    ++threads;
    run_queue.push_back(thread);
}

void end(void (*release)(Thread&))
{
    --threads;
    ended = running;
    release_ended = release;
    run_next();
    __builtin_unreachable();
}

void set_fs_base(std::uint64_t base)
{
    running->fs_base = base;
    set_fs_register(base);
}

}  // namespace scheduler
}  // namespace u0

extern "C" void u0_thread_started()
{
    u0::after_switch();
}
