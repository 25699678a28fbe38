// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstring>
#include <new>
#include <sched.h>

#include "robust_list.hh"
#include "u0/futex.hh"
#include "u0/memory.hh"
#include "u0/power.hh"
#include "u0/syscall.hh"
#include "u0/thread.hh"

extern "C" void u0_thread_start();

namespace u0::posix_threads
{
namespace
{

constexpr std::size_t red_zone = 128;

/// What u0_switch pops when the thread runs first, below the frame that its `syscall` returns with.
struct FirstFrame {
    std::uint64_t callee_saved[6];  ///< r15, r14, r13, r12, rbp, rbx: loaded again from `registers`
    void (*start)();
    SyscallArgs registers;
};

int next_id = 2;

void release(Thread& thread)
{
    if (thread.id == 1)
        return;  // the first thread is no heap block
    thread.~Thread();
    kfree(&thread);
}

/// Lays the parent's registers on the child's stack, so that it returns from the same system call.
void* prepare_stack(std::uint64_t top, const SyscallArgs& parent)
{
    auto* frame = reinterpret_cast<FirstFrame*>(top - red_zone - sizeof(FirstFrame));
    std::memset(frame->callee_saved, 0, sizeof frame->callee_saved);
    frame->start = &u0_thread_start;
    frame->registers = parent;
    return frame;
}

}  // namespace

long sys_clone(const SyscallArgs& args)
{
    constexpr std::uint64_t thread_flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
    std::uint64_t flags = args[0];
    int *parent_id = args.pointer<int>(2), *child_id = args.pointer<int>(3);
    if ((flags & thread_flags) != thread_flags || args[1] == 0)
        return posix::refuse_process(args);

    void* block = kalloc(sizeof(Thread));
    if (!block)
        return -EAGAIN;
    Thread& child = *new (block) Thread;
    asm volatile("fxsave64 %0" : "=m"(child.vectors));
    const Thread& parent = scheduler::current();
    child.id = next_id++;
    child.signal_mask = parent.signal_mask;
    child.fs_base = (flags & CLONE_SETTLS) != 0 ? args[4] : parent.fs_base;
    child.stack = prepare_stack(args[1], args);
    if ((flags & CLONE_CHILD_CLEARTID) != 0)
        child.clear_on_exit = child_id;
    if ((flags & CLONE_CHILD_SETTID) != 0)
        *child_id = child.id;
    if ((flags & CLONE_PARENT_SETTID) != 0)
        *parent_id = child.id;
    scheduler::start(child);
    return child.id;
}

long sys_exit(const SyscallArgs& args)
{
    Thread& self = scheduler::current();
    if (scheduler::thread_count() == 1)
        shutdown(args.integer(0) & 0xff);
    release_robust_mutexes(self);
    if (self.clear_on_exit) {
        *self.clear_on_exit = 0;
        posix::futex_wake(self.clear_on_exit, 1);
    }
    scheduler::end(&release);
}

}  // namespace u0::posix_threads
