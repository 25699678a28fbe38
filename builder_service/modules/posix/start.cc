// SPDX-License-Identifier: Apache-2.0
//
// Starts the application as the kernel starts a static program: arguments, environment and the auxiliary
// vector on a fresh stack (System V ABI, AMD64 supplement, 3.4.1; getauxval(3)), then a jump to its _start.
#include <algorithm>
#include <array>
#include <cstring>
#include <elf.h>
#include <iterator>

#include "config.gen.hh"
#include "u0/bootinfo.hh"
#include "u0/cmdline.hh"
#include "u0/console.hh"
#include "u0/memory.hh"
#include "u0/random.hh"

extern "C" {
extern const Elf64_Ehdr __u0_image_start;  // the file's header is loaded with it
void _start();                             // of the C library
[[noreturn]] void u0_start_application(void* stack, void (*entry)());
}

namespace u0::posix
{
namespace
{

/// Fills a stack from its top: strings first, the vectors that point to them afterwards.
class StackWriter
{
public:
    StackWriter(unsigned char* bottom, std::size_t size) : bottom_(bottom), top_(bottom + size) {}

    char* text(std::string_view words)
    {
        char* copy = reinterpret_cast<char*>(take(words.size() + 1));
        std::memcpy(copy, words.data(), words.size());
        copy[words.size()] = '\0';
        return copy;
    }
    unsigned char* take(std::size_t bytes)
    {
        if (bytes > static_cast<std::size_t>(top_ - bottom_) / 2)
            panic("the application's arguments and environment do not fit into its stack of {} KiB",
                  cfg::posix::stack_kib);
        return top_ -= bytes;
    }
    /// Room for `words` words, so that the lowest is aligned as a new program's rsp must be.
    std::uint64_t* vector(std::size_t words)
    {
        take(words * sizeof(std::uint64_t));
        top_ -= reinterpret_cast<std::uintptr_t>(top_) % 16;
        return reinterpret_cast<std::uint64_t*>(top_);
    }

private:
    unsigned char* bottom_;
    unsigned char* top_;
};

constexpr std::size_t max_strings = 256;

/// Pointers to strings on the new stack, in order.
struct Strings {
    std::array<char*, max_strings> items{};
    std::size_t count = 0;

    void add(StackWriter& stack, std::string_view text)
    {
        if (count == max_strings)
            panic("the application has more than {} arguments or environment variables", max_strings);
        items[count++] = stack.text(text);
    }
};

/// Arguments of the command line win over those of the image.
Strings arguments(StackWriter& stack)
{
    Strings all;
    all.add(stack, bootinfo().image_name);
    std::string_view rest = cmdline::application();
    if (rest.empty())
        for (std::string_view argument : cfg::posix::arguments)
            all.add(stack, argument);
    while (!rest.empty()) {
        std::size_t end = std::min(rest.find(' '), rest.size());
        if (end > 0)
            all.add(stack, rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return all;
}

Strings environment(StackWriter& stack)
{
    Strings all;
    all.add(stack, "GLIBC_TUNABLES=glibc.malloc.arena_max=1");  // each further one reserves 64 MiB
    for (std::string_view variable : cfg::posix::environment)
        all.add(stack, variable);
    return all;
}

/// argc, argv, 0, envp, 0, auxv.
void* make_stack(StackWriter& stack)
{
    Strings argv = arguments(stack);
    Strings envp = environment(stack);
    char* platform = stack.text("x86_64");
    unsigned char* random = stack.take(16);
    random_fill(random, 16);

    const Elf64_Ehdr& image = __u0_image_start;
    auto address = [](const void* p) { return reinterpret_cast<std::uint64_t>(p); };
    const std::uint64_t auxv[] = {AT_PHDR,     address(&image) + image.e_phoff,
                                  AT_PHENT,    image.e_phentsize,
                                  AT_PHNUM,    image.e_phnum,
                                  AT_PAGESZ,   page_size,
                                  AT_ENTRY,    address(reinterpret_cast<const void*>(&_start)),
                                  AT_UID,      0,
                                  AT_EUID,     0,
                                  AT_GID,      0,
                                  AT_EGID,     0,
                                  AT_SECURE,   0,
                                  AT_CLKTCK,   100,
                                  AT_PLATFORM, address(platform),
                                  AT_RANDOM,   address(random),
                                  AT_EXECFN,   address(argv.items[0]),
                                  AT_NULL,     0};
    std::uint64_t* start = stack.vector(1 + argv.count + 1 + envp.count + 1 + std::size(auxv));
    std::uint64_t* out = start;
    *out++ = argv.count;
    for (const Strings* strings : {&argv, &envp}) {
        for (std::size_t i = 0; i < strings->count; ++i)
            *out++ = address(strings->items[i]);
        *out++ = 0;
    }
    std::ranges::copy(auxv, out);
    return start;
}

}  // namespace

/// Point `application`. Never returns: the application ends the machine with exit.
int run_application()
{
    const std::size_t pages = static_cast<std::size_t>(cfg::posix::stack_kib) * 1024 / page_size;
    void* memory = memory::map(pages, Access::write, Backing::on_demand);
    if (!memory)
        panic("no memory for the application's stack of {} KiB", cfg::posix::stack_kib);
    StackWriter stack(static_cast<unsigned char*>(memory), pages * page_size);
    u0_start_application(make_stack(stack), &_start);
}

}  // namespace u0::posix
