// SPDX-License-Identifier: Apache-2.0
#include "robust_list.hh"

#include <linux/futex.h>

#include "u0/futex.hh"

namespace u0::posix_threads
{
namespace
{

/// Entries carry a flag in their lowest bit (a priority-inheritance mutex).
robust_list* untagged(robust_list* entry)
{
    return reinterpret_cast<robust_list*>(reinterpret_cast<std::uintptr_t>(entry) & ~std::uintptr_t{1});
}

void leave(robust_list* entry, long offset, int owner)
{
    int* word = reinterpret_cast<int*>(reinterpret_cast<char*>(entry) + offset);
    if ((*word & FUTEX_TID_MASK) != owner)
        return;
    bool waiters = (static_cast<unsigned>(*word) & FUTEX_WAITERS) != 0;
    *word = static_cast<int>((waiters ? FUTEX_WAITERS : 0) | FUTEX_OWNER_DIED);
    if (waiters)
        posix::futex_wake(word, 1);
}

}  // namespace

void release_robust_mutexes(Thread& thread)
{
    auto* head = static_cast<robust_list_head*>(thread.robust_list);
    if (!head)
        return;
    int left = ROBUST_LIST_LIMIT;  // a broken list must not hang the machine
    for (robust_list* entry = untagged(head->list.next); entry != &head->list && left > 0; --left) {
        robust_list* next = untagged(entry->next);
        if (entry != untagged(head->list_op_pending))
            leave(entry, head->futex_offset, thread.id);
        entry = next;
    }
    if (robust_list* pending = untagged(head->list_op_pending))
        leave(pending, head->futex_offset, thread.id);
}

}  // namespace u0::posix_threads
