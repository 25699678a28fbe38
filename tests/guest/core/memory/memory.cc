// SPDX-License-Identifier: Apache-2.0
#include "u0/memory.hh"
#include "u0/console.hh"
#include "u0/random.hh"

namespace u0::memory_test
{
namespace
{

int failures = 0;

void expect(bool holds, const char* what)
{
    if (!holds) {
        log("FAILED: {}", what);
        ++failures;
    }
}

char* at(void* base, std::size_t page)
{
    return static_cast<char*>(base) + page * page_size;
}

void maps_are_zeroed_and_given_back()
{
    // What the first map takes for page tables stays taken.
    memory::unmap(memory::map(64, Access::write), 64);
    const std::size_t before = memory::free_pages();
    void* map = memory::map(64, Access::write);
    expect(memory::free_pages() == before - 64, "64 pages are taken");
    for (std::size_t i = 0; i < 64 * page_size; ++i)
        if (at(map, 0)[i] != 0) {
            expect(false, "fresh pages are zero");
            break;
        }
    __builtin_memset(map, 0x55, 64 * page_size);
    expect(memory::unmap(map, 64), "unmap succeeds");
    expect(memory::free_pages() == before, "unmapped pages are free again");
    expect(!memory::accessible(map, 1, false), "unmapped pages are not accessible");
    map = memory::map(64, Access::write);
    expect(at(map, 5)[77] == 0, "reused pages are zero");
    memory::unmap(map, 64);
}

void parts_can_go_and_come_back()
{
    const std::size_t before = memory::free_pages();
    void* map = memory::map(8, Access::write);
    at(map, 7)[0] = 1;
    memory::unmap(at(map, 2), 3);
    expect(memory::free_pages() == before - 5, "three of eight pages are free");
    expect(memory::accessible(at(map, 1), page_size, true), "page before the hole is there");
    expect(!memory::accessible(at(map, 1), page_size + 1, true), "the hole is not");
    expect(memory::map_at(at(map, 2), 3, Access::read), "the hole is filled");
    expect(memory::accessible(map, 8 * page_size, false), "all of it can be read");
    expect(!memory::accessible(at(map, 3), 1, true), "the middle cannot be written");
    expect(at(map, 7)[0] == 1, "the rest is untouched");
    memory::unmap(map, 8);
    expect(memory::free_pages() == before, "nothing is lost");
}

void access_can_change()
{
    const std::size_t before = memory::free_pages();
    void* map = memory::map(4, Access::none);
    expect(memory::free_pages() == before, "reserved addresses take no memory");
    expect(!memory::accessible(map, 1, false), "reserved addresses are not accessible");
    expect(memory::protect(at(map, 1), 2, Access::write), "reserved pages become memory");
    expect(memory::free_pages() == before - 2, "two pages are taken");
    at(map, 1)[3] = 9;
    expect(memory::protect(at(map, 1), 2, Access::none), "and are hidden");
    expect(!memory::accessible(at(map, 1), 1, false), "hidden");
    expect(memory::protect(at(map, 1), 2, Access::read), "and come back");
    expect(at(map, 1)[3] == 9 && !memory::accessible(at(map, 1), 1, true), "with their contents, to read");
    memory::unmap(map, 4);
    expect(!memory::protect(map, 4, Access::read), "what is not mapped has no access to change");
    expect(!memory::protect(reinterpret_cast<void*>(&access_can_change), 1, Access::write),
           "text stays text");
    expect(memory::free_pages() == before, "nothing is lost");
}

void pages_come_on_demand()
{
    const std::size_t before = memory::free_pages();
    void* map = memory::map(512, Access::write, Backing::on_demand);
    expect(memory::free_pages() + 2 >= before, "nothing is taken at first");
    expect(memory::accessible(map, 512 * page_size, true), "all of it may be used");
    const std::size_t untouched = memory::free_pages();
    volatile char *const one = at(map, 100), *const two = at(map, 300), *const three = at(map, 400);
    *one = 1;
    *three = *two;
    expect(memory::free_pages() == untouched - 3, "three touched pages are taken");
    memory::unmap(map, 512);
}

/// What is hidden is forgotten too.
void hidden_pages_are_discarded()
{
    const std::size_t before = memory::free_pages();
    void* map = memory::map(4, Access::write);
    volatile char *one = at(map, 1), *two = at(map, 2);
    *one = 9;
    *two = 8;
    memory::protect(map, 4, Access::none);
    expect(memory::discard(at(map, 1), 1), "a hidden page is discarded");
    expect(memory::free_pages() == before - 3, "it is given back");
    expect(memory::protect(map, 4, Access::write), "all can be seen again");
    expect(*one == 0 && *two == 8, "without its contents");
    memory::unmap(map, 4);
    map = memory::map(4, Access::write, Backing::on_demand);
    const std::size_t untouched = memory::free_pages();
    one = at(map, 1);
    two = at(map, 2);
    *one = 9;
    *two = 8;
    memory::protect(map, 4, Access::none);
    expect(memory::discard(at(map, 1), 1) && memory::free_pages() == untouched - 1, "the same for a stack's");
    expect(memory::protect(map, 4, Access::write) && memory::free_pages() == untouched - 1, "it stays so");
    expect(*one == 0 && *two == 8, "until it is touched");
    expect(memory::discard(map, 4) && memory::free_pages() == untouched, "and again");
    memory::unmap(map, 4);
    expect(memory::free_pages() == before, "nothing is lost");
}

void maps_can_move()
{
    const std::size_t before = memory::free_pages();
    void* map = memory::map(4, Access::write);
    void* obstacle = memory::map(4, Access::write);
    at(map, 3)[5] = 42;
    void* larger = memory::resize(map, 4, 64, true);
    expect(larger && at(larger, 3)[5] == 42 && at(larger, 63)[0] == 0, "contents move along");
    expect(memory::free_pages() <= before - 68, "64 and 4 pages are taken");
    expect(memory::resize(larger, 64, 2, false) == larger, "shrinks in place");
    expect(!memory::accessible(at(larger, 2), 1, false), "the tail is gone");
    memory::unmap(larger, 2);
    memory::unmap(obstacle, 4);
    expect(memory::free_pages() == before, "nothing is lost");
}

void too_much_is_refused_whole()
{
    const std::size_t before = memory::free_pages();
    expect(memory::map(before + 1, Access::write) == nullptr, "more than there is: refused");
    expect(memory::map(~std::size_t{0}, Access::write) == nullptr, "far more: refused");
    expect(memory::free_pages() + 2 >= before, "and nothing is taken");
    expect(!memory::map_at(reinterpret_cast<void*>(0x100000), 1, Access::write),
           "the image is not the arena");
    expect(!memory::unmap(reinterpret_cast<void*>(0x100000), 1), "nor unmapped");
}

void heap_gives_everything_back()
{
    constexpr std::size_t count = 1500;
    static void* blocks[count];
    static unsigned sizes[count];
    const std::size_t before = memory::free_pages();
    for (int round = 0; round < 3; ++round) {
        for (std::size_t i = 0; i < count; ++i) {
            sizes[i] = random_u32() % (i % 100 == 0 ? 20000 : 1700);
            blocks[i] = kalloc(sizes[i]);
            expect(blocks[i] && kalloc_size(blocks[i]) >= sizes[i], "blocks are large enough");
            expect(reinterpret_cast<std::uintptr_t>(blocks[i]) % 16 == 0, "blocks are aligned");
            __builtin_memset(blocks[i], static_cast<int>(i & 255), sizes[i]);
        }
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t k = i * 7 % count;
            const auto* bytes = static_cast<unsigned char*>(blocks[k]);
            bool whole = true;
            for (unsigned b = 0; b < sizes[k]; ++b)
                whole = whole && bytes[b] == (k & 255);
            expect(whole, "blocks do not overlap");
            kfree(blocks[k]);
        }
    }
    expect(before - memory::free_pages() <= 60, "at most two slabs for each size stay");
    expect(kalloc(std::size_t{1} << 40) == nullptr, "a huge block is refused");
}

}  // namespace

int run()
{
    maps_are_zeroed_and_given_back();
    parts_can_go_and_come_back();
    access_can_change();
    pages_come_on_demand();
    hidden_pages_are_discarded();
    maps_can_move();
    too_much_is_refused_whole();
    heap_gives_everything_back();
    return failures;
}

}  // namespace u0::memory_test
