// SPDX-License-Identifier: Apache-2.0
#include "physical.hh"

#include "layout.hh"
#include "paging.hh"
#include "u0/console.hh"
#include "u0/memory.hh"

namespace u0::memory::state
{
U0_SEALED_DATA std::size_t total_pages = 0;
std::size_t free_pages = 0;
}  // namespace u0::memory::state

namespace u0::physical
{
namespace
{

using memory::state::free_pages;
using memory::state::total_pages;

constexpr std::uint64_t large_page = 2 << 20;

U0_SEALED_DATA std::uint64_t* bitmap = nullptr;  // bit set: the page is free
U0_SEALED_DATA std::uint64_t top_address = 0;
U0_SEALED_DATA std::uint64_t limit_of_tables = 0;
U0_SEALED_DATA std::size_t words = 0;
std::size_t highest = 0;  // no free page lies in a word above this one
std::size_t lowest = 0;   // nor in one below this one

void set_free(std::uint64_t page)
{
    const std::uint64_t number = page / page_size;
    bitmap[number / 64] |= std::uint64_t{1} << number % 64;
    if (number / 64 > highest)
        highest = number / 64;
    if (number / 64 < lowest)
        lowest = number / 64;
    ++free_pages;
}

/// All pages of a range, by words: there may be a million.
U0_INIT_TEXT void set_free(std::uint64_t begin, std::uint64_t end)
{
    for (std::uint64_t page = begin; page < end;) {
        if (page / page_size % 64 == 0 && end - page >= 64 * page_size) {
            set_free(page);  // moves the bounds
            bitmap[page / page_size / 64] = ~std::uint64_t{0};
            free_pages += 63;
            page += 64 * page_size;
        } else {
            set_free(page);
            page += page_size;
        }
    }
}

std::uint64_t take(std::size_t word, unsigned bit)
{
    bitmap[word] &= ~(std::uint64_t{1} << bit);
    --free_pages;
    return (word * 64 + bit) * page_size;
}

U0_INIT_TEXT void set_taken(std::uint64_t begin, std::uint64_t end)
{
    for (std::uint64_t page = begin; page < end; page += page_size)
        if (is_free(page))
            take(page / page_size / 64, page / page_size % 64);
}

/// A run of 2 to 64 pages within one word of the bitmap; the usual case, in a few steps a word.
std::uint64_t run_in_word(std::size_t n)
{
    for (std::size_t word = highest + 1; word-- > 0;) {
        std::uint64_t starts = bitmap[word];
        for (std::size_t length = 1; starts && length < n;) {
            const std::size_t step = length < n - length ? length : n - length;
            starts &= starts >> step;
            length += step;
        }
        if (starts)
            return word * 64 + 63 - static_cast<unsigned>(__builtin_clzll(starts));
    }
    return none;
}

/// A run of any length, page by page.
std::uint64_t run_across_words(std::size_t n)
{
    std::size_t length = 0;
    for (std::uint64_t number = (highest + 1) * 64; number-- > 0;) {
        if (number % 64 == 63 && bitmap[number / 64] == 0) {
            number -= 63;
            length = 0;
            continue;
        }
        length = bitmap[number / 64] >> number % 64 & 1 ? length + 1 : 0;
        if (length == n)
            return number;
    }
    return none;
}

/// Where the bitmap itself can stand: the first hole of that size above the image.
U0_INIT_TEXT std::uint64_t place(std::span<const Region> regions, std::uint64_t bytes)
{
    const std::uint64_t image_end = address_of(__u0_bss_end);
    for (const Region& region : regions) {
        const std::uint64_t begin = region.begin < image_end ? image_end : region.begin;
        if (begin < region.end && region.end - begin >= bytes && begin + bytes <= paging::boot_mapped)
            return begin;
    }
    panic("out of memory: {} KiB are too little for this image", total_pages * page_size / 1024);
}

}  // namespace

U0_INIT_TEXT void init(std::span<const Region> regions)
{
    for (const Region& region : regions) {
        total_pages += (region.end - region.begin) / page_size;
        if (region.end > top_address)
            top_address = region.end;
    }
    words = (top_address / page_size + 63) / 64;
    const std::uint64_t bytes = pages_for(words * 8) * page_size;
    const std::uint64_t place_of_bitmap = place(regions, bytes);
    bitmap = reinterpret_cast<std::uint64_t*>(place_of_bitmap);
    for (std::size_t i = 0; i < words; ++i)
        bitmap[i] = 0;
    lowest = words;
    for (const Region& region : regions)
        set_free(region.begin, region.end);
    set_taken(address_of(__u0_image_start), address_of(__u0_bss_end));
    set_taken(place_of_bitmap, place_of_bitmap + bytes);

    // Room for the tables of an arena as large as all memory, four times over.
    const std::uint64_t wanted = address_of(__u0_bss_end) + large_page + top_address / 128;
    limit_of_tables = (wanted + large_page - 1) & ~(large_page - 1);
}

U0_INIT_TEXT void use_direct_map()
{
    bitmap = static_cast<std::uint64_t*>(paging::direct(reinterpret_cast<std::uint64_t>(bitmap)));
}

std::uint64_t allocate()
{
    if (free_pages == 0)
        return none;
    while (bitmap[highest] == 0)
        --highest;
    return take(highest, 63 - static_cast<unsigned>(__builtin_clzll(bitmap[highest])));
}

std::uint64_t allocate_table()
{
    const std::size_t end = limit_of_tables / page_size / 64;
    while (lowest < words && lowest < end && bitmap[lowest] == 0)
        ++lowest;
    if (lowest >= words || lowest >= end)
        return none;
    return take(lowest, static_cast<unsigned>(__builtin_ctzll(bitmap[lowest])));
}

std::uint64_t allocate_run(std::size_t n)
{
    if (n == 1)
        return allocate();
    if (n > free_pages)
        return none;
    std::uint64_t number = n <= 64 ? run_in_word(n) : none;
    if (number == none)
        number = run_across_words(n);
    for (std::uint64_t page = number; number != none && page < number + n; ++page)
        take(page / 64, static_cast<unsigned>(page % 64));
    return number * page_size;
}

void release(std::uint64_t page)
{
    if (page == none || page >= top_address || is_free(page))
        panic("memory is corrupted: page {x} released twice", page);
    set_free(page);
}

bool is_free(std::uint64_t page)
{
    const std::uint64_t number = page / page_size;
    return bitmap[number / 64] >> number % 64 & 1;
}

std::uint64_t low_limit()
{
    return limit_of_tables;
}
std::uint64_t top()
{
    return top_address;
}

}  // namespace u0::physical
