// SPDX-License-Identifier: Apache-2.0
// All there is to know about a page of the arena stands in its page table entry:
//   0                        free
//   present                  mapped, with memory
//   reserved                 Access::none, without memory
//   reserved | keeps_page    Access::none, with memory (its address in the entry)
//   reserved | on_demand     memory comes at the first touch; `writable` as it will be
//   present | on_demand      it came so, and goes again by discard()
//   reserved | later_on_demand  Access::none, without memory; becomes on_demand with the first other access
//   reserved | keeps_page | later_on_demand  Access::none, with memory that came on demand
#include "arena.hh"

#include <optional>

#include "layout.hh"
#include "paging.hh"
#include "physical.hh"
#include "u0/console.hh"

namespace u0
{
namespace
{

using namespace paging;

constexpr std::uint64_t arena_size = std::uint64_t{64} << 30;
constexpr std::uint64_t table_span = 2 << 20;  // what one page table maps
constexpr std::size_t flush_one_by_one = 64;

std::uint64_t search_begin = 0;  // below it no page is free

std::uint64_t arena_end()
{
    return arena_begin() + arena_size;
}

bool in_arena(std::uint64_t address, std::size_t pages)
{
    return address % page_size == 0 && address > arena_begin() && address < arena_end() &&
           pages <= (arena_end() - address) / page_size;
}

Entry flags_of(Access access)
{
    return never_executable | (access == Access::write ? writable : 0);
}

std::uint64_t zeroed_page()
{
    const std::uint64_t page = physical::allocate();
    if (page != physical::none)
        __builtin_memset(direct(page), 0, page_size);
    return page;
}

bool fill(Entry& entry, Access access, Backing backing)
{
    if (access == Access::none) {
        entry = backing == Backing::on_demand ? reserved | later_on_demand : reserved;
    } else if (backing == Backing::on_demand) {
        entry = reserved | on_demand | flags_of(access);
    } else {
        const std::uint64_t page = zeroed_page();
        if (page == physical::none)
            return false;
        entry = page | present | flags_of(access);
    }
    return true;
}

void clear(Entry& entry)
{
    if (entry & (present | keeps_page))
        physical::release(entry & address_mask);
    entry = 0;
}

void flush_range(std::uint64_t address, std::size_t pages)
{
    if (pages > flush_one_by_one)
        return flush_all();
    for (std::size_t i = 0; i < pages; ++i)
        flush(address + i * page_size);
}

/// The first run of free pages with a free page on either side, which stays free: the guard.  0: none.
std::uint64_t find_free(std::size_t pages)
{
    if (search_begin == 0)
        search_begin = arena_begin();
    const std::uint64_t wanted = (pages + 2) * page_size;
    std::uint64_t run = search_begin, at = run;
    while (at - run < wanted && at < arena_end()) {
        if (const std::uint64_t area = next_mapped_area(at, arena_end()); area != at) {
            at = area;  // no table: free
            continue;
        }
        const Entry* slot = entry(at, false);
        do {
            at += page_size;
            if (*slot++ != 0)
                run = at;
        } while (at % table_span && at - run < wanted);
    }
    return at - run >= wanted && pages < arena_size / page_size ? run + page_size : 0;
}

bool range_free(std::uint64_t address, std::size_t pages)
{
    for (std::size_t i = 0; i < pages; ++i)
        if (const Entry* slot = entry(address + i * page_size, false); slot && *slot != 0)
            return false;
    return true;
}

void release_range(std::uint64_t address, std::size_t pages)
{
    const std::uint64_t end = address + pages * page_size;
    for (std::uint64_t at = address; (at = next_mapped_area(at, end)) < end;) {
        Entry* slot = entry(at, false);
        do {
            clear(*slot++);
            at += page_size;
        } while (at % table_span && at < end);
    }
    flush_range(address, pages);
    if (address - page_size < search_begin)
        search_begin = address - page_size;  // with the guard before it
}

/// Fills free pages; all or nothing.
bool fill_range(std::uint64_t address, std::size_t pages, Access access, Backing backing)
{
    if (access != Access::none && backing == Backing::now && pages > memory::free_pages())
        return false;
    Entry* slot = nullptr;
    for (std::size_t i = 0; i < pages; ++i) {
        const std::uint64_t at = address + i * page_size;
        slot = slot && at % table_span ? slot + 1 : entry(at, true);
        if (!slot || !fill(*slot, access, backing)) {
            release_range(address, i);
            return false;
        }
    }
    return true;
}

/// Moves entries to free addresses; false, and nothing moved, when memory for tables is short.
bool move_range(std::uint64_t from, std::uint64_t to, std::size_t pages)
{
    for (std::size_t i = 0; i < pages; ++i)
        if (!entry(to + i * page_size, true))
            return false;
    for (std::size_t i = 0; i < pages; ++i) {
        Entry* const slot = entry(from + i * page_size, false);
        *entry(to + i * page_size, false) = *slot;
        *slot = 0;
    }
    flush_range(from, pages);
    if (from - page_size < search_begin)
        search_begin = from - page_size;
    return true;
}

bool protect_entry(Entry& entry, Access access)
{
    if (access == Access::none) {
        if (entry & present)
            entry =
                (entry & address_mask) | reserved | keeps_page | (entry & on_demand ? later_on_demand : 0);
        else if (entry & on_demand)
            entry = reserved | later_on_demand;
        return true;
    }
    if (entry & (present | keeps_page))
        entry = (entry & address_mask) | (entry & (on_demand | later_on_demand) ? on_demand : 0) | present |
                flags_of(access);
    else if (entry & (on_demand | later_on_demand))
        entry = reserved | on_demand | flags_of(access);
    else
        return fill(entry, access, Backing::now);
    return true;
}

/// The image's own part that may still change: PT_GNU_RELRO, from writable to read-only and never back.
bool protect_image(std::uint64_t address, std::size_t pages, Access access)
{
    const std::uint64_t begin = address_of(__u0_relro_start) & ~(page_size - 1),
                        end = address_of(__u0_relro_end);
    if (access != Access::read || address % page_size || address < begin || address >= end ||
        pages > (end - address) / page_size)
        return false;
    const WriteWindow window;
    for (std::size_t i = 0; i < pages; ++i)
        *entry(address + i * page_size, false) &= ~writable;
    flush_range(address, pages);
    return true;
}

/// Whether an access to the page takes memory: at its first touch ...
bool comes_on_demand(Entry entry)
{
    return !(entry & (present | keeps_page)) && entry & (on_demand | later_on_demand);
}

/// ... or as soon as it is allowed.
bool lacks_memory(Entry entry)
{
    return !(entry & (present | keeps_page)) && !comes_on_demand(entry);
}

Access access_of(Entry entry)
{
    if (!(entry & (present | on_demand)))
        return Access::none;
    return entry & writable ? Access::write : Access::read;
}

}  // namespace

namespace arena
{

bool touch(std::uint64_t address, bool write)
{
    Entry* const slot = in_arena(address & ~(page_size - 1), 1) ? entry(address, false) : nullptr;
    if (!slot || *slot & present || !(*slot & on_demand) || (write && !(*slot & writable)))
        return false;
    const std::uint64_t page = zeroed_page();
    if (page == physical::none)
        panic("out of memory: {} MiB are in use", memory::total_pages() * page_size >> 20);
    const WriteWindow window;
    *slot = page | present | on_demand | flags_of(access_of(*slot));
    return true;
}

}  // namespace arena

namespace memory
{

void* map(std::size_t pages, Access access, Backing backing)
{
    if (pages == 0 || pages >= arena_size / page_size)
        return nullptr;
    const std::uint64_t address = find_free(pages);
    const WriteWindow window;
    if (address == 0 || !fill_range(address, pages, access, backing))
        return nullptr;
    if (address == search_begin + page_size)
        search_begin += pages * page_size;  // the free page before becomes the one behind
    return reinterpret_cast<void*>(address);
}

bool map_at(void* place, std::size_t pages, Access access, Backing backing)
{
    const std::uint64_t address = address_of(place);
    if (!in_arena(address, pages))
        return false;
    const WriteWindow window;
    release_range(address, pages);
    return fill_range(address, pages, access, backing);
}

bool unmap(void* place, std::size_t pages)
{
    const std::uint64_t address = address_of(place);
    if (!in_arena(address, pages))
        return false;
    const WriteWindow window;
    release_range(address, pages);
    return true;
}

bool protect(void* place, std::size_t pages, Access access, std::size_t most)
{
    const std::uint64_t address = address_of(place);
    if (!in_arena(address, pages))
        return protect_image(address, pages, access);
    const auto each_entry = [address, pages](auto visit) {
        Entry* slot = nullptr;
        for (std::size_t i = 0; i < pages; ++i) {
            const std::uint64_t at = address + i * page_size;
            slot = slot && at % table_span ? slot + 1 : entry(at, false);
            if (!slot || !visit(*slot))
                return false;
        }
        return true;
    };
    std::size_t taken = 0;
    bool some_on_demand = false;
    const auto count = [&taken, &some_on_demand](Entry entry) {
        taken += lacks_memory(entry);
        some_on_demand = some_on_demand || comes_on_demand(entry);
        return entry != 0;
    };
    if (!each_entry(count) || (access != Access::none && taken + some_on_demand > most))
        return false;
    const WriteWindow window;
    const bool enough = each_entry([access](Entry& entry) { return protect_entry(entry, access); });
    flush_range(address, pages);
    return enough;
}

bool discard(void* place, std::size_t pages)
{
    const std::uint64_t address = address_of(place), end = address + pages * page_size;
    if (!in_arena(address, pages))
        return false;
    std::optional<WriteWindow> window;  // costly: opened for the first page that goes
    std::uint64_t at = address;
    while ((at = next_mapped_area(at, end)) < end) {
        Entry* slot = entry(at, false);
        do {
            if (*slot & present && !(*slot & on_demand)) {
                __builtin_memset(direct(*slot & address_mask), 0, page_size);
            } else if (*slot & (present | keeps_page)) {
                if (!window)
                    window.emplace();
                physical::release(*slot & address_mask);
                *slot = *slot & present ? reserved | on_demand | flags_of(access_of(*slot))
                                        : reserved | (*slot & later_on_demand);
                flush(at);
            }
            ++slot;
            at += page_size;
        } while (at % table_span && at < end);
    }
    return true;
}

void* resize(void* place, std::size_t pages, std::size_t new_pages, bool may_move)
{
    const std::uint64_t address = address_of(place);
    if (!in_arena(address, pages) || pages == 0 || new_pages == 0 || range_free(address, 1))
        return nullptr;
    const WriteWindow window;
    if (new_pages <= pages) {
        release_range(address + new_pages * page_size, pages - new_pages);
        return place;
    }
    const std::uint64_t end = address + pages * page_size;
    const Entry last = *entry(end - page_size, false);
    const Backing backing = last & on_demand ? Backing::on_demand : Backing::now;
    if (in_arena(address, new_pages + 1) && range_free(end, new_pages - pages + 1))
        return fill_range(end, new_pages - pages, access_of(last), backing) ? place : nullptr;
    const std::uint64_t target = may_move && new_pages < arena_size / page_size ? find_free(new_pages) : 0;
    if (target == 0 || !fill_range(target + pages * page_size, new_pages - pages, access_of(last), backing))
        return nullptr;
    if (!move_range(address, target, pages)) {
        release_range(target + pages * page_size, new_pages - pages);
        return nullptr;
    }
    return reinterpret_cast<void*>(target);
}

bool accessible(const void* place, std::size_t bytes, bool write)
{
    const std::uint64_t address = address_of(place);
    if (bytes == 0)
        return true;
    if (address + bytes < address || address + bytes > std::uint64_t{1} << 47)
        return false;
    if (is_direct(place))
        return is_direct(static_cast<const char*>(place) + bytes - 1);
    for (std::uint64_t at = address & ~(page_size - 1); at < address + bytes; at += page_size) {
        const Entry* slot = entry(at, false);
        if (!slot || !(*slot & (present | on_demand)) || (write && !(*slot & writable)))
            return false;
    }
    return true;
}

void* allocate_contiguous(std::size_t pages)
{
    const std::uint64_t run = physical::allocate_run(pages);
    if (run == physical::none)
        return nullptr;
    __builtin_memset(direct(run), 0, pages * page_size);
    return direct(run);
}

void free_contiguous(void* address, std::size_t pages)
{
    for (std::size_t i = 0; i < pages; ++i)
        physical::release(physical(address) + i * page_size);
}

}  // namespace memory
}  // namespace u0
