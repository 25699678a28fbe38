// SPDX-License-Identifier: Apache-2.0
#include "paging.hh"

#include "layout.hh"
#include "physical.hh"
#include "u0/console.hh"

namespace u0::memory::state
{
U0_SEALED_DATA std::uint64_t direct_base = 0;
U0_SEALED_DATA std::uint64_t direct_size = 0;
}  // namespace u0::memory::state

namespace u0::paging
{
namespace
{

constexpr std::uint64_t large_page = 2 << 20;

U0_SEALED_DATA Entry* root = nullptr;
U0_SEALED_DATA std::uint64_t root_physical = 0;
U0_SEALED_DATA std::uint64_t future_direct_base = 0;
U0_SEALED_DATA std::uint64_t arena_base = 0;
U0_SEALED_DATA std::uint64_t next_device = device_region;

Entry* table_of(Entry entry)
{
    return static_cast<Entry*>(direct(entry & address_mask));
}

/// A zeroed page table.  Once the direct map stands the page is made read-only there at once.
std::uint64_t make_table()
{
    const std::uint64_t page = physical::allocate_table();
    if (page == physical::none)
        return page;
    auto* table = static_cast<Entry*>(direct(page));
    for (unsigned i = 0; i < 512; ++i)
        table[i] = 0;
    if (direct_base) {
        *entry(direct_base + page, false) &= ~writable;
        flush(direct_base + page);
    }
    return page;
}

Entry* descend(Entry* table, unsigned index, bool create)
{
    if (!(table[index] & present)) {
        const std::uint64_t made = create ? make_table() : physical::none;
        if (made == physical::none)
            return nullptr;
        table[index] = made | present | writable;
    }
    return table[index] & large ? nullptr : table_of(table[index]);
}

constexpr unsigned index_at(std::uint64_t address, unsigned level)
{
    return address >> (12 + 9 * level) & 511;
}

/// Maps pages that follow each other in both spaces; one walk for each table.
void map_pages(std::uint64_t address, std::uint64_t physical, std::size_t pages, Entry flags)
{
    Entry* slot = nullptr;
    for (std::size_t i = 0; i < pages; ++i, address += page_size, physical += page_size) {
        slot = slot && index_at(address, 0) != 0 ? slot + 1 : entry(address, true);
        if (!slot)
            panic("out of memory for page tables: give the machine more");
        *slot = physical | flags | present;
    }
}

/// The image stands at its own physical addresses.
U0_INIT_TEXT void map_image(const char* begin, const char* end, Entry flags)
{
    map_pages(address_of(begin), address_of(begin), (address_of(end) - address_of(begin)) / page_size, flags);
}

U0_INIT_TEXT void map_large_page(std::uint64_t address, std::uint64_t physical)
{
    Entry* table = descend(root, index_at(address, 3), true);
    table = table ? descend(table, index_at(address, 2), true) : nullptr;
    if (!table)
        panic("out of memory for page tables: give the machine more");
    table[index_at(address, 1)] = physical | large | present | writable | never_executable;
}

/// RAM from `begin` to `end` that is not the image's: there must be no second, writable way to that.
U0_INIT_TEXT void map_direct(std::uint64_t begin, std::uint64_t end)
{
    while (begin < end) {
        if (begin >= physical::low_limit() && begin % large_page == 0 && end - begin >= large_page) {
            map_large_page(future_direct_base + begin, begin);
            begin += large_page;
            continue;
        }
        const std::uint64_t next = (begin & ~(large_page - 1)) + large_page, stop = next < end ? next : end;
        map_pages(future_direct_base + begin, begin, (stop - begin) / page_size, writable | never_executable);
        begin = stop;
    }
}

U0_INIT_TEXT void map_direct(const Region& region)
{
    const std::uint64_t image_begin = address_of(__u0_image_start), image_end = address_of(__u0_bss_end);
    map_direct(region.begin, region.end < image_begin ? region.end : image_begin);
    map_direct(region.begin > image_end ? region.begin : image_end, region.end);
}

/// Makes each page table read-only where the direct map shows it.
U0_INIT_TEXT void protect_tables(const Entry* table, unsigned level)
{
    *entry(address_of(table), false) &= ~writable;
    for (unsigned i = 0; level > 0 && i < 512; ++i)
        if ((table[i] & present) && !(table[i] & large))
            protect_tables(table_of(table[i]), level - 1);
}

void switch_to_root()
{
    asm volatile("mov %0, %%cr3" : : "r"(root_physical) : "memory");
}

/// Takes pages out of the image and gives their memory to everyone.
void give_away(const char* begin, const char* end)
{
    for (std::uint64_t page = address_of(begin); page < address_of(end); page += page_size) {
        *entry(page, false) = 0;
        flush(page);
        map_pages(direct_base + page, page, 1, writable | never_executable);
        physical::release(page);
    }
}

void make_read_only(const char* begin, const char* end)
{
    for (std::uint64_t page = address_of(begin); page < address_of(end); page += page_size) {
        *entry(page, false) &= ~writable;
        flush(page);
    }
}

}  // namespace

WriteWindow::WriteWindow()
{
    asm volatile("mov %%cr0, %0" : "=r"(cr0_));
    if (cr0_ & 1 << 16)
        asm volatile("mov %0, %%cr0" : : "r"(cr0_ & ~std::uint64_t{1 << 16}) : "memory");
}

WriteWindow::~WriteWindow()
{
    if (cr0_ & 1 << 16)
        asm volatile("mov %0, %%cr0" : : "r"(cr0_) : "memory");
}

U0_INIT_TEXT void init(std::span<const Region> regions, std::uint64_t seed)
{
    // 14 random bits of GiB for each region.
    future_direct_base = direct_region + (seed & 0x3fff) * boot_mapped;
    arena_base = arena_region + (seed >> 14 & 0x3fff) * boot_mapped + (seed >> 28 & 0x1ff) * large_page;

    root_physical = make_table();
    root = reinterpret_cast<Entry*>(root_physical);
    map_image(__u0_image_start, __u0_init_text_end, 0);
    map_image(__u0_rodata_start, __u0_rodata_end, never_executable);
    map_image(__u0_rodata_end, __u0_bss_end, writable | never_executable);
    for (const char* guard : stack_guards)
        *entry(address_of(guard), false) = 0;
    for (const Region& region : regions)
        map_direct(region);

    switch_to_root();
    direct_base = future_direct_base;
    direct_size = physical::top();
    root = static_cast<Entry*>(direct(root_physical));
    physical::use_direct_map();
    const WriteWindow window;
    protect_tables(root, 3);
    switch_to_root();
}

void seal()
{
    const WriteWindow window;
    give_away(__u0_init_bss_start, __u0_init_bss_end);
    for (const char* guard : stack_guards)
        give_away(guard, guard + page_size);
    make_read_only(__u0_sealed_start, __u0_sealed_end);
    give_away(__u0_text_end, __u0_init_text_end);
}

std::uint64_t arena_begin()
{
    return arena_base;
}

Entry* entry(std::uint64_t address, bool create)
{
    Entry* table = root;
    for (unsigned level = 3; table && level > 0; --level)
        table = descend(table, index_at(address, level), create);
    return table ? &table[index_at(address, 0)] : nullptr;
}

std::uint64_t next_mapped_area(std::uint64_t address, std::uint64_t limit)
{
    while (address < limit) {
        Entry* table = root;
        unsigned level = 3;
        for (; level > 0; --level) {
            const Entry next = table[index_at(address, level)];
            if (!(next & present))
                break;
            table = table_of(next);
        }
        if (level == 0)
            return address;
        const std::uint64_t size = std::uint64_t{1} << (12 + 9 * level);
        address = (address & ~(size - 1)) + size;
    }
    return limit;
}

void flush(std::uint64_t address)
{
    asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

void flush_all()
{
    switch_to_root();
}

}  // namespace u0::paging

namespace u0::memory
{

U0_INIT_TEXT void* map_physical(std::uint64_t physical, std::size_t bytes, bool device)
{
    using namespace paging;
    const WriteWindow window;
    const std::uint64_t offset = physical % page_size, address = next_device;
    const std::size_t pages = pages_for(offset + bytes);
    map_pages(next_device, physical - offset, pages,
              never_executable | (device ? writable | uncached | write_through : 0));
    next_device += pages * page_size;
    next_device += page_size;  // a hole between any two
    return reinterpret_cast<void*>(address + offset);
}

std::uint64_t physical_by_tables(const void* address)
{
    const std::uint64_t at = address_of(address);
    const paging::Entry* entry = paging::entry(at, false);
    if (!entry || !(*entry & paging::present))
        panic("physical address of {x}, which is not mapped", at);
    return (*entry & paging::address_mask) + at % page_size;
}

}  // namespace u0::memory
