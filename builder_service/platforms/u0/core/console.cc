// SPDX-License-Identifier: Apache-2.0
#include "u0/console.hh"

#include "hooks.gen.hh"
#include "power.hh"
#include "u0/cpu.hh"

namespace u0
{

void console_write(const char* bytes, std::size_t size)
{
    hooks::console_write(bytes, size);
}

namespace detail
{
namespace
{

void write_line(std::string_view prefix, std::string_view text, const FormatArgument* arguments,
                std::size_t count)
{
    char line[256];
    std::size_t used = prefix.size();
    for (std::size_t i = 0; i < used; ++i)
        line[i] = prefix[i];
    used += format(line + used, sizeof line - 1 - used, text, arguments, count);
    line[used++] = '\n';
    console_write(line, used);
}

}  // namespace

void log(std::string_view text, const FormatArgument* arguments, std::size_t count)
{
    write_line("u0: ", text, arguments, count);
}

void panic(std::string_view text, const FormatArgument* arguments, std::size_t count)
{
    static bool panicking = false;
    if (panicking)
        cpu::halt_for_ever();
    panicking = true;
    cpu::cli();
    write_line("u0: panic: ", text, arguments, count);
    power_off();
}

}  // namespace detail
}  // namespace u0
