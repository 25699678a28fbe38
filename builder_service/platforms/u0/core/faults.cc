// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "arena.hh"
#include "interrupts.hh"
#include "layout.hh"
#include "u0/console.hh"

namespace u0
{
namespace
{

constexpr unsigned page_fault = 14, double_fault = 8;
// Error code of a page fault, Intel SDM volume 3, section 4.7.
constexpr std::uint64_t was_present = 1, was_write = 2, was_fetch = 16;
constexpr std::uint64_t near_stack = 64 << 10;

constexpr std::string_view names[32] = {"division by zero",
                                        "debug trap",
                                        "non-maskable interrupt",
                                        "breakpoint",
                                        "overflow",
                                        "bound range",
                                        "invalid instruction",
                                        "no floating point unit",
                                        "double fault",
                                        "coprocessor",
                                        "invalid task state",
                                        "segment not present",
                                        "stack fault",
                                        "general protection (wild or unaligned pointer?)",
                                        "page fault",
                                        "reserved",
                                        "floating point error",
                                        "alignment",
                                        "machine check",
                                        "vector floating point error"};

bool in_guard(std::uint64_t address)
{
    for (const char* guard : stack_guards)
        if (address - address_of(guard) < page_size)
            return true;
    return false;
}

std::string_view kind_of_fault(const TrapFrame& frame, std::uint64_t address)
{
    if (in_guard(address))
        return "stack overflow";
    if (address < page_size)
        return "null pointer";
    if (frame.error & was_fetch)
        return frame.error & was_present ? "execution of data" : "jump to nowhere";
    if (frame.error & was_present)
        return "write to read-only memory";
    if (address - frame.rsp + near_stack < 2 * near_stack)
        return "stack overflow";
    return "wild pointer";
}

}  // namespace

void handle_exception(const TrapFrame& frame)
{
    if (frame.vector != page_fault)
        panic("{}, rip {x}, error {x}", names[frame.vector % 32], frame.rip, frame.error);
    std::uint64_t address;
    asm volatile("mov %%cr2, %0" : "=r"(address));
    if (!(frame.error & was_present) && !(frame.error & was_fetch) &&
        arena::touch(address, frame.error & was_write))
        return;
    panic("{}: {} at {x}, rip {x}", kind_of_fault(frame, address),
          frame.error & was_fetch   ? "execution"
          : frame.error & was_write ? "write"
                                    : "read",
          address, frame.rip);
}

}  // namespace u0
