// SPDX-License-Identifier: Apache-2.0
// The kernel heap: slabs of equal blocks for each size class, whole pages for what is larger.  One byte per
// physical page tells what the page is, so a block needs no header and kfree() finds its slab.
#include "heap.hh"

#include "paging.hh"
#include "physical.hh"
#include "u0/console.hh"
#include "u0/memory.hh"

namespace u0
{
namespace
{

constexpr std::size_t class_sizes[] = {32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 1664, 2048};
constexpr std::size_t classes = sizeof class_sizes / sizeof *class_sizes;
constexpr std::size_t slab_pages(std::size_t size)
{
    return size <= 256 ? 1 : size <= 1024 ? 2 : 4;
}

// What page_kind says: 0 not the heap's; 1..63 the n-th page (from 1) of a slab; then large blocks.
constexpr unsigned char large_first = 64, large_next = 65;

struct Slab {
    Slab* next;  // in the list of slabs of this class with free blocks
    Slab* previous;
    void* free;                                // list of free blocks, linked by their first words
    std::uint16_t size_class, used, capacity;  // blocks given out, and all there are
    std::uint32_t untouched;                   // offset of the first block that was never given out
};
constexpr std::size_t slab_header = 64;
static_assert(sizeof(Slab) <= slab_header);

U0_SEALED_DATA unsigned char* page_kind = nullptr;
Slab* partial[classes];
std::size_t empty_slabs[classes];
constexpr std::size_t kept_empty = 2;  // slabs of a class that are kept for the next burst

/// Smallest class for each size in steps of 32 bytes.
struct ClassTable {
    unsigned char of[2048 / 32 + 1];
};
constexpr ClassTable class_table = [] {
    ClassTable table{};
    for (std::size_t i = 0; i < sizeof table.of; ++i)
        while (class_sizes[table.of[i]] < i * 32)
            ++table.of[i];
    return table;
}();

/// For each class 2^32 / size, rounded up: a multiplication tells multiples of the size, where a division
/// would cost more than all the rest of kfree().
struct Reciprocals {
    std::uint64_t of[classes];
};
constexpr Reciprocals reciprocals = [] {
    Reciprocals table{};
    for (std::size_t i = 0; i < classes; ++i)
        table.of[i] = ((std::uint64_t{1} << 32) + class_sizes[i] - 1) / class_sizes[i];
    return table;
}();

bool is_multiple(std::size_t offset, std::size_t size_class)
{
    return (offset * reciprocals.of[size_class] >> 32) * class_sizes[size_class] == offset;
}

unsigned char& kind_of(const void* block)
{
    return page_kind[paging::direct_offset(block) / page_size];
}

void unlink(Slab* slab)
{
    (slab->previous ? slab->previous->next : partial[slab->size_class]) = slab->next;
    if (slab->next)
        slab->next->previous = slab->previous;
}

void link(Slab* slab)
{
    Slab*& head = partial[slab->size_class];
    slab->previous = nullptr;
    slab->next = head;
    if (head)
        head->previous = slab;
    head = slab;
}

std::size_t slab_bytes(const Slab* slab)
{
    return slab_pages(class_sizes[slab->size_class]) * page_size;
}

bool full(const Slab* slab)
{
    return slab->used == slab->capacity;
}

Slab* make_slab(std::size_t size_class)
{
    const std::size_t pages = slab_pages(class_sizes[size_class]);
    const std::uint64_t run = physical::allocate_run(pages);
    if (run == physical::none)
        return nullptr;
    for (std::size_t i = 0; i < pages; ++i)
        page_kind[run / page_size + i] = static_cast<unsigned char>(i + 1);
    auto* slab = static_cast<Slab*>(paging::direct(run));
    *slab = {.next = nullptr,
             .previous = nullptr,
             .free = nullptr,
             .size_class = static_cast<std::uint16_t>(size_class),
             .used = 0,
             .capacity =
                 static_cast<std::uint16_t>((pages * page_size - slab_header) / class_sizes[size_class]),
             .untouched = slab_header};
    link(slab);
    ++empty_slabs[size_class];
    return slab;
}

void release_slab(Slab* slab)
{
    unlink(slab);
    const std::size_t pages = slab_bytes(slab) / page_size;
    const std::uint64_t first = paging::direct_offset(slab);
    for (std::size_t i = 0; i < pages; ++i) {
        page_kind[first / page_size + i] = 0;
        physical::release(first + i * page_size);
    }
}

void* allocate_large(std::size_t bytes)
{
    const std::size_t pages = pages_for(bytes);
    const std::uint64_t run = physical::allocate_run(pages);
    if (run == physical::none)
        return nullptr;
    for (std::size_t i = 0; i < pages; ++i)
        page_kind[run / page_size + i] = i == 0 ? large_first : large_next;
    return paging::direct(run);
}

std::size_t large_pages(const void* block)
{
    const std::uint64_t first = paging::direct_offset(block) / page_size;
    std::size_t pages = 1;
    while ((first + pages) * page_size < physical::top() && page_kind[first + pages] == large_next)
        ++pages;
    return pages;
}

Slab* slab_of(const void* block, unsigned kind)
{
    const auto page = reinterpret_cast<std::uintptr_t>(block) & ~(page_size - 1);
    return reinterpret_cast<Slab*>(page - (kind - 1) * page_size);
}

unsigned checked_kind(const void* block)
{
    const unsigned kind = paging::is_direct(block) ? kind_of(block) : 0u;
    if (kind == 0 || kind == large_next)
        panic("memory is corrupted: {x} is no block of the heap", block);
    return kind;
}

}  // namespace

U0_INIT_TEXT void heap_init()
{
    const std::size_t pages = pages_for(physical::top() / page_size);
    page_kind = static_cast<unsigned char*>(memory::allocate_contiguous(pages));
    if (!page_kind)
        panic("out of memory while booting: give the machine more");
}

void* kalloc(std::size_t bytes)
{
    if (bytes > class_sizes[classes - 1])
        return allocate_large(bytes);
    const std::size_t size_class = class_table.of[(bytes + 31) / 32];
    Slab* slab = partial[size_class];
    if (!slab && !(slab = make_slab(size_class)))
        return nullptr;
    void* block = slab->free;
    if (block) {
        slab->free = *static_cast<void**>(block);
    } else {
        block = reinterpret_cast<char*>(slab) + slab->untouched;
        slab->untouched += static_cast<std::uint32_t>(class_sizes[size_class]);
    }
    if (slab->used++ == 0)
        --empty_slabs[size_class];
    if (full(slab))
        unlink(slab);
    return block;
}

void kfree(void* block)
{
    if (!block)
        return;
    const unsigned kind = checked_kind(block);
    if (kind == large_first) {
        const std::size_t pages = large_pages(block);
        const std::uint64_t first = paging::direct_offset(block);
        for (std::size_t i = 0; i < pages; ++i) {
            page_kind[first / page_size + i] = 0;
            physical::release(first + i * page_size);
        }
        return;
    }
    Slab* const slab = slab_of(block, kind);
    const std::size_t offset =
        static_cast<std::size_t>(static_cast<char*>(block) - reinterpret_cast<char*>(slab));
    if (slab->used == 0 || offset < slab_header || !is_multiple(offset - slab_header, slab->size_class) ||
        block == slab->free)
        panic("memory is corrupted: block {x} freed twice or foreign", block);
    if (full(slab))
        link(slab);
    *static_cast<void**>(block) = slab->free;
    slab->free = block;
    if (--slab->used > 0)
        return;
    if (empty_slabs[slab->size_class] == kept_empty)
        release_slab(slab);
    else
        ++empty_slabs[slab->size_class];
}

std::size_t kalloc_size(const void* block)
{
    const unsigned kind = checked_kind(block);
    return kind == large_first ? large_pages(block) * page_size
                               : class_sizes[slab_of(block, kind)->size_class];
}

}  // namespace u0
