// SPDX-License-Identifier: Apache-2.0
//
// futex(2): a thread sleeps until somebody wakes the address it sleeps on.
#include <array>
#include <cerrno>
#include <climits>
#include <linux/futex.h>

#include "u0/futex.hh"
#include "u0/posix_time.hh"
#include "u0/syscall.hh"
#include "u0/thread.hh"

namespace u0::posix
{
namespace
{

/// A sleeping thread; lives on its stack.
struct Sleeper {
    const int* address;
    std::uint32_t bits;
    Thread& thread;
    bool woken = false;
    Link<Sleeper> link;
};
using Sleepers = List<Sleeper, &Sleeper::link>;

/// Sleepers by address; the length of a chain matters less than that nothing is allocated.
constexpr std::size_t bucket_count = 64;
std::array<Sleepers, bucket_count> buckets;

Sleepers& bucket_of(const int* address)
{
    auto number = reinterpret_cast<std::uintptr_t>(address);
    return buckets[(number >> 2 ^ number >> 12) % bucket_count];
}

long wait(const int* address, int expected, Nanoseconds deadline, std::uint32_t bits)
{
    if (bits == 0)
        return -EINVAL;
    if (__atomic_load_n(address, __ATOMIC_RELAXED) != expected)
        return -EAGAIN;
    Sleeper self{.address = address, .bits = bits, .thread = scheduler::current(), .link = {}};
    bucket_of(address).push_back(self);
    while (!self.woken && scheduler::block(deadline)) {
    }
    if (self.woken)
        return 0;
    bucket_of(self.address).remove(self);  // FUTEX_REQUEUE may have moved it
    return -ETIMEDOUT;
}

int wake(const int* address, int count, std::uint32_t bits)
{
    Sleepers& bucket = bucket_of(address);
    int woken = 0;
    for (Sleeper* sleeper = bucket.front(); sleeper && woken < count;) {
        Sleeper* next = Sleepers::next(*sleeper);
        if (sleeper->address == address && (sleeper->bits & bits) != 0) {
            bucket.remove(*sleeper);
            sleeper->woken = true;
            scheduler::wake(sleeper->thread);
            ++woken;
        }
        sleeper = next;
    }
    return woken;
}

int requeue(const int* from, const int* to, int count)
{
    Sleepers& bucket = bucket_of(from);
    int moved = 0;
    if (from == to)
        return 0;
    for (Sleeper* sleeper = bucket.front(); sleeper && moved < count;) {
        Sleeper* next = Sleepers::next(*sleeper);
        if (sleeper->address == from) {
            bucket.remove(*sleeper);
            sleeper->address = to;
            bucket_of(to).push_back(*sleeper);
            ++moved;
        }
        sleeper = next;
    }
    return moved;
}

/// FUTEX_WAKE_OP: changes the second word, wakes the first, and the second if its old value compares.
long wake_op(const SyscallArgs& args)
{
    int* second = args.pointer<int>(4);
    auto encoded = static_cast<std::uint32_t>(args[5]);
    std::uint32_t operation = encoded >> 28 & 7, comparison = encoded >> 24 & 15;
    int operand = static_cast<int>(encoded << 8) >> 20, compared = static_cast<int>(encoded << 20) >> 20;
    if ((encoded >> 28 & FUTEX_OP_OPARG_SHIFT) != 0)
        operand = static_cast<int>(1U << (operand & 31));
    int old = *second;
    switch (operation) {
    case FUTEX_OP_SET:
        *second = operand;
        break;
    case FUTEX_OP_ADD:
        *second = old + operand;
        break;
    case FUTEX_OP_OR:
        *second = old | operand;
        break;
    case FUTEX_OP_ANDN:
        *second = old & ~operand;
        break;
    case FUTEX_OP_XOR:
        *second = old ^ operand;
        break;
    default:
        return -ENOSYS;
    }
    bool also = false;
    switch (comparison) {
    case FUTEX_OP_CMP_EQ:
        also = old == compared;
        break;
    case FUTEX_OP_CMP_NE:
        also = old != compared;
        break;
    case FUTEX_OP_CMP_LT:
        also = old < compared;
        break;
    case FUTEX_OP_CMP_LE:
        also = old <= compared;
        break;
    case FUTEX_OP_CMP_GT:
        also = old > compared;
        break;
    case FUTEX_OP_CMP_GE:
        also = old >= compared;
        break;
    default:
        return -ENOSYS;
    }
    int woken = futex_wake(args.pointer<const int>(0), args.integer(2));
    return also ? woken + futex_wake(second, args.integer(3)) : woken;
}

}  // namespace

int futex_wake(const int* address, int count)
{
    return wake(address, count, FUTEX_BITSET_MATCH_ANY);
}

long sys_futex(const SyscallArgs& args)
{
    const int* address = args.pointer<const int>(0);
    const timespec* timeout = args.pointer<const timespec>(3);
    int command = args.integer(1) & FUTEX_CMD_MASK;
    bool wall_clock = (args.integer(1) & FUTEX_CLOCK_REALTIME) != 0;
    if (reinterpret_cast<std::uintptr_t>(address) % sizeof(int) != 0)
        return -EINVAL;

    switch (command) {
    case FUTEX_WAIT:
        if (timeout && !valid(*timeout))
            return -EINVAL;
        return wait(address, args.integer(2), timeout ? after(to_ns(*timeout)) : never,
                    FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAIT_BITSET: {
        if (timeout && !valid(*timeout))
            return -EINVAL;
        Nanoseconds deadline = never;
        if (timeout)
            deadline = wall_clock ? at_wall_time(to_ns(*timeout)) : to_ns(*timeout);
        return wait(address, args.integer(2), deadline, static_cast<std::uint32_t>(args[5]));
    }
    case FUTEX_WAKE:
        return futex_wake(address, args.integer(2));
    case FUTEX_WAKE_BITSET:
        return wake(address, args.integer(2), static_cast<std::uint32_t>(args[5]));
    case FUTEX_CMP_REQUEUE:
        if (*address != args.integer(5))
            return -EAGAIN;
        [[fallthrough]];
    case FUTEX_REQUEUE: {
        int woken = futex_wake(address, args.integer(2));
        return woken + requeue(address, args.pointer<const int>(4), args.integer(3));
    }
    case FUTEX_WAKE_OP:
        return wake_op(args);
    default:
        return -ENOSYS;
    }
}

}  // namespace u0::posix
