// SPDX-License-Identifier: Apache-2.0
//
// The application's memory: mmap and its relatives over the core's arena. Memory is promised: what mmap and
// brk give out is taken at once, so that running out is ENOMEM (std::bad_alloc) and no later surprise.
// Stacks are the exception: their pages are taken as they are touched.
#include <cerrno>
#include <cstring>
#include <sys/mman.h>

#include "config.gen.hh"
#include "u0/console.hh"
#include "u0/memory.hh"
#include "u0/syscall.hh"

namespace u0::posix
{
namespace
{

/// The break: one run of pages of the arena that grows in place. Its addresses are reserved at the start.
/// Beyond them brk fails, and malloc takes the rest by mmap.
struct Break {
    unsigned char* start = nullptr;
    std::size_t reserved = 0;  ///< pages
    std::size_t used = 0;      ///< pages
    unsigned char* end = nullptr;
} heap;

/// Whether `pages` more leave enough for the network, stacks and the kernel's own small needs.
bool affordable(std::size_t pages)
{
    return pages <= memory::spare_pages(memory::Taker::application);
}

bool page_aligned(std::uint64_t value)
{
    return value % page_size == 0;
}

void refuse_once(bool& said, std::string_view text)
{
    if (!said)
        log("{}", text);
    said = true;
}

/// The access of PROT_* bits; false when it would make memory executable.
bool to_access(std::uint64_t protection, Access& access)
{
    static bool said = false;
    if ((protection & PROT_EXEC) != 0) {
        refuse_once(said,
                    "memory cannot be made executable in a sealed image (mmap or mprotect with PROT_EXEC)");
        return false;
    }
    access = (protection & PROT_WRITE) != 0  ? Access::write
             : (protection & PROT_READ) != 0 ? Access::read
                                             : Access::none;
    return true;
}

long address_of(void* pages)
{
    return reinterpret_cast<long>(pages);
}

bool start_break()
{
    constexpr std::size_t most = (std::size_t{64} << 20) / page_size;
    heap.reserved = memory::total_pages() < most ? memory::total_pages() : most;
    heap.start = static_cast<unsigned char*>(memory::map(heap.reserved, Access::none));
    heap.end = heap.start;
    return heap.start != nullptr;
}

}  // namespace

long sys_brk(const SyscallArgs& args)
{
    if (!heap.start && !start_break())
        return 0;
    auto wanted = reinterpret_cast<unsigned char*>(args[0]);
    if (wanted < heap.start || wanted > heap.start + heap.reserved * page_size)
        return address_of(heap.end);
    std::size_t pages = pages_for(static_cast<std::size_t>(wanted - heap.start));
    if (pages > heap.used) {
        std::size_t more = pages - heap.used;
        if (!affordable(more) || !memory::protect(heap.start + heap.used * page_size, more, Access::write))
            return address_of(heap.end);
    } else if (pages < heap.used &&
               !memory::map_at(heap.start + pages * page_size, heap.used - pages, Access::none)) {
        return address_of(heap.end);
    }
    heap.used = pages;
    heap.end = wanted;
    return address_of(wanted);
}

long sys_mmap(const SyscallArgs& args)
{
    static bool said = false;
    std::uint64_t bytes = args[1];
    int flags = args.integer(3);
    Access access = Access::none;
    if (bytes == 0 || !page_aligned(args[0]))
        return -EINVAL;
    if (bytes > memory::total_pages() * page_size && (args[2] & PROT_WRITE) != 0)
        return -ENOMEM;
    if ((flags & MAP_ANONYMOUS) == 0) {
        refuse_once(said, "mmap() of a file is not possible: there are no files; use read()");
        return -ENODEV;
    }
    if (!to_access(args[2], access))
        return -EPERM;
    std::size_t pages = pages_for(bytes);
    if (access != Access::none && !affordable(pages))
        return -ENOMEM;
    Backing backing = (flags & (MAP_STACK | MAP_GROWSDOWN)) != 0 ? Backing::on_demand : Backing::now;
    if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0) {
        if ((flags & MAP_FIXED_NOREPLACE) != 0)
            return -EEXIST;  // a caller must be ready for it, and nobody needs to choose addresses here
        return memory::map_at(args.pointer<void>(0), pages, access, backing) ? static_cast<long>(args[0])
                                                                             : -ENOMEM;
    }
    void* start = memory::map(pages, access, backing);
    return start ? address_of(start) : -ENOMEM;
}

long sys_munmap(const SyscallArgs& args)
{
    if (!page_aligned(args[0]) || args[1] == 0)
        return -EINVAL;
    return memory::unmap(args.pointer<void>(0), pages_for(args[1])) ? 0 : -EINVAL;
}

long sys_mprotect(const SyscallArgs& args)
{
    Access access = Access::none;
    if (!page_aligned(args[0]))
        return -EINVAL;
    if (!to_access(args[2], access))
        return -EACCES;
    if (args[1] == 0)
        return 0;
    const std::size_t most = memory::spare_pages(memory::Taker::application);
    return memory::protect(args.pointer<void>(0), pages_for(args[1]), access, most) ? 0 : -ENOMEM;
}

long sys_mremap(const SyscallArgs& args)
{
    if (!page_aligned(args[0]) || args[1] == 0 || args[2] == 0 ||
        (args[3] & ~static_cast<std::uint64_t>(MREMAP_MAYMOVE)) != 0)
        return -EINVAL;
    if (args[2] > args[1] && !affordable(pages_for(args[2]) - pages_for(args[1])))
        return -ENOMEM;
    void* moved = memory::resize(args.pointer<void>(0), pages_for(args[1]), pages_for(args[2]),
                                 (args[3] & MREMAP_MAYMOVE) != 0);
    return moved ? address_of(moved) : -ENOMEM;
}

long sys_madvise(const SyscallArgs& args)
{
    if (!page_aligned(args[0]))
        return -EINVAL;
    // Only this one changes what the program sees: the pages read as zero afterwards. A C library gives the
    // stacks of ended threads back by it.
    if (args.integer(2) == MADV_DONTNEED && args[1] != 0 &&
        !memory::discard(args.pointer<void>(0), pages_for(args[1])))
        return -ENOMEM;
    return 0;
}

/// mlock and its relatives: nothing is ever swapped out.
long sys_mlock(const SyscallArgs&)
{
    return 0;
}

/// Only one processor exists: every barrier is already in place. 0 is the query.
long sys_membarrier(const SyscallArgs& args)
{
    return args.integer(0) == 0 ? 0 : -EINVAL;
}

}  // namespace u0::posix
