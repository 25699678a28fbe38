// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "u0/types.hh"

/// Memory.  The address space has four parts: the image itself (identity, from 1 MiB; text executable,
/// the rest not, page 0 and guard pages absent); the *arena*, page-grained memory for applications at
/// addresses chosen anew at each boot; the *direct map* of RAM, read-write and never executable, from
/// which the kernel heap and buffers for devices come; and device registers.  Nothing executable is ever
/// mapped after boot.  Single core: no locks.  Page tables are read-only outside these functions.
namespace u0
{

enum class Access : unsigned char {
    none,  ///< reserved addresses; every use is a fault
    read,
    write,  ///< read and write
};

enum class Backing : unsigned char {
    now,        ///< memory is taken at once: failure is a null pointer here, and no surprise later
    on_demand,  ///< a page is taken when first touched (stacks); "out of memory" then is a panic
};

namespace memory
{

/// `pages` fresh, zeroed pages of the arena, or nullptr when addresses or memory are short.
/// Access::none takes no memory.  Below the range a guard page always follows (unmapped).
void* map(std::size_t pages, Access access, Backing backing = Backing::now);

/// The same at a given page-aligned address inside the arena; what was there is released (MAP_FIXED).
/// False, and then the old contents are gone, when memory is short or the range is not the arena's.
bool map_at(void* address, std::size_t pages, Access access, Backing backing = Backing::now);

/// Gives pages back: unmapped, and the memory is reusable by anyone.  The range may cover parts of
/// several maps and holes.  False when it is not in the arena.
bool unmap(void* address, std::size_t pages);

/// Changes access.  Pages that had Access::none and no memory get zeroed memory (at once), pages that
/// become Access::none keep their contents.  False when a page is not mapped, not the arena's nor the image's
/// sealable data (PT_GNU_RELRO), or memory is short; and, then with nothing changed, when it would take more
/// than `most` pages (those that come on demand count as one).
bool protect(void* address, std::size_t pages, Access access, std::size_t most = ~std::size_t{0});

/// Forgets the contents: the pages read as zero afterwards, with the access they have.  Memory that was taken
/// on demand is given back until it is touched again, and that of Access::none until protect() takes it.
/// False when the range is not in the arena.
bool discard(void* address, std::size_t pages);

/// Grows or shrinks in place or by moving the pages (mremap); nullptr, and the old map as it was, when
/// it cannot.  `may_move` false: in place or not at all.
void* resize(void* address, std::size_t pages, std::size_t new_pages, bool may_move);

/// Whether every byte of the range may be read (write false) or written.  Also true for the image's
/// data, stacks and the direct map.  For tests: an application's pointers are used as they come.
bool accessible(const void* address, std::size_t bytes, bool write);

/// Not for use by name: what the inline functions below read, each for every packet.
namespace state
{
extern std::size_t free_pages, total_pages;
extern std::uint64_t direct_base, direct_size;
}  // namespace state

/// Pages nobody has taken.
inline std::size_t free_pages()
{
    return const_cast<const volatile std::size_t&>(state::free_pages);  // touching memory may change it
}
/// RAM in pages, including the image.
inline std::size_t total_pages()
{
    return state::total_pages;
}

/// Who takes memory, by what he leaves to those after him: one part in 2^n of all.  So it runs out for one
/// after the other, and what gives some back still works: an application that took all it got can read, and
/// answer.  The last belongs to stacks, whose want is a panic.
enum class Taker : unsigned {
    input = 4,        ///< what comes in and is kept: it comes again
    application = 5,  ///< what it is refused, it knows
    output = 6,       ///< what goes out, until it is acknowledged
    small_needs = 7,  ///< state of a connection, an acknowledgement
};

/// Pages that `taker` may still have.
inline std::size_t spare_pages(Taker taker)
{
    const std::size_t free = free_pages(), left_alone = total_pages() >> static_cast<unsigned>(taker);
    return free > left_alone ? free - left_alone : 0;
}

/// `pages` physically contiguous, zeroed pages of the direct map for a device or a driver's tables.
/// nullptr when there is no such run.
void* allocate_contiguous(std::size_t pages);
void free_contiguous(void* address, std::size_t pages);

std::uint64_t physical_by_tables(const void* address);

/// Physical address of a byte in the image, the direct map (kernel heap included) or the arena.
inline std::uint64_t physical(const void* address)
{
    const std::uint64_t offset = reinterpret_cast<std::uint64_t>(address) - state::direct_base;
    return offset < state::direct_size ? offset : physical_by_tables(address);
}

/// Maps device registers or firmware tables; never freed.  Panics when addresses run out.
/// Uncached and read-write when `device`, else cached and read-only.  Only before the image is sealed.
void* map_physical(std::uint64_t physical, std::size_t bytes, bool device);

}  // namespace memory

/// Kernel heap, 16-byte aligned.  nullptr when memory is short.  Contents undefined.
void* kalloc(std::size_t bytes);
void kfree(void* block);  ///< nullptr is allowed; a foreign or twice freed block is a panic
std::size_t kalloc_size(const void* block);  ///< usable bytes of a block

}  // namespace u0
