// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "u0/cmdline.hh"
#include "u0/console.hh"
#include "u0/memory.hh"
#include "u0/power.hh"

namespace u0::faults
{
namespace
{

const int constant[4] = {1, 2, 3, 4};
int variable[4] = {1, 2, 3, 4};
U0_SEALED_DATA int sealed = 1;

/// The compiler must not know what comes.
std::uintptr_t opaque(std::uintptr_t value)
{
    asm volatile("" : "+r"(value));
    return value;
}

void write(std::uintptr_t address)
{
    *reinterpret_cast<volatile char*>(opaque(address)) = 1;
}
void read(std::uintptr_t address)
{
    *reinterpret_cast<volatile char*>(opaque(address));
}
void execute(const volatile void* address)
{
    reinterpret_cast<void (*)()>(reinterpret_cast<std::uintptr_t>(address))();
}
std::uintptr_t address_of(const volatile void* object)
{
    return reinterpret_cast<std::uintptr_t>(object);
}

volatile int depth = 0;
[[gnu::noinline]] int overflow(int level)
{
    volatile char frame[256];
    frame[0] = static_cast<char>(level);
    depth = level;
    return opaque(1) ? overflow(level + 1) + frame[0] : 0;
}

/// The root page table, seen through the direct map: its place there from any heap block's.
void write_page_table()
{
    const auto* block = static_cast<char*>(kalloc(64));
    std::uint64_t root;
    asm volatile("mov %%cr3, %0" : "=r"(root));
    write(address_of(block) - memory::physical(block) + root);
}

void exhaust_on_demand()
{
    auto* pages = static_cast<char*>(memory::map(1 << 16, Access::write, Backing::on_demand));
    for (std::size_t i = 0; i < 1 << 16; ++i)
        write(address_of(pages) + i * page_size);
}

void use_after_unmap()
{
    void* page = memory::map(1, Access::write);
    memory::unmap(page, 1);
    write(address_of(page));
}

void run_below_map()
{
    // As a thread's stack that overflows: nothing is ever mapped next to anything else.
    memory::map(4, Access::write);
    write(address_of(memory::map(4, Access::write)) - 8);
}

void free_twice()
{
    void* keep = kalloc(100);
    void* block = kalloc(100);
    kfree(block);
    kfree(block);
    kfree(keep);
}

U0_INIT_TEXT void gone_after_boot()
{
    log("boot code runs again");
}

bool is(std::string_view wanted)
{
    return cmdline::value("fault") == wanted;
}

}  // namespace

/// Only to let the linker keep it.
U0_INIT_TEXT void init()
{
    if (is("never"))
        gone_after_boot();
}

int run()
{
    if (is("null-read"))
        read(8);
    else if (is("null-write"))
        write(0);
    else if (is("null-call"))
        execute(nullptr);
    else if (is("wild-read"))
        read(0x123456789000);
    else if (is("wild-write"))
        write(0x70000000);
    else if (is("not-canonical"))
        write(0x8000000000000000);
    else if (is("write-text"))
        write(address_of(reinterpret_cast<const void*>(&run)));
    else if (is("write-constant"))
        write(address_of(constant));
    else if (is("write-sealed"))
        write(address_of(&sealed));
    else if (is("write-page-table"))
        write_page_table();
    else if (is("execute-data"))
        execute(variable);
    else if (is("execute-heap"))
        execute(kalloc(64));
    else if (is("execute-map"))
        execute(memory::map(1, Access::write));
    else if (is("execute-boot-code"))
        execute(reinterpret_cast<const void*>(&gone_after_boot));
    else if (is("stack-overflow"))
        overflow(0);
    else if (is("below-map"))
        run_below_map();
    else if (is("use-after-unmap"))
        use_after_unmap();
    else if (is("out-of-memory"))
        exhaust_on_demand();
    else if (is("double-free"))
        free_twice();
    else if (is("foreign-free"))
        kfree(variable);
    else if (is("invalid-instruction"))
        asm volatile("ud2");
    else if (is("division"))
        asm volatile("div %b0" : : "r"(0) : "rax");
    else if (is("panic"))
        panic("as asked, {} {x}", -1, 255);
    else if (is("reset"))
        reset();
    return 7;
}

}  // namespace u0::faults
