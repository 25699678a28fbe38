// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <string_view>

#include "u0/types.hh"

/// Text output without a C library.  Formats know `{}` (numbers in decimal, text as it is) and `{x}`
/// (numbers in hexadecimal, after `0x`); there is no escape, and a place without an argument prints `?`.
namespace u0
{

/// One formatted value; made implicitly from integers, booleans, pointers and text.
class FormatArgument
{
public:
    template <std::integral Integer>
    constexpr FormatArgument(Integer value)
        : number_(static_cast<std::uint64_t>(value)), negative_(value < Integer{})
    {
    }
    constexpr FormatArgument(std::string_view text) : text_(text), is_text_(true) {}
    constexpr FormatArgument(const char* text) : FormatArgument(std::string_view(text)) {}
    FormatArgument(const void* pointer) : number_(reinterpret_cast<std::uintptr_t>(pointer)) {}

    constexpr bool is_text() const { return is_text_; }
    constexpr std::string_view text() const { return text_; }
    constexpr std::uint64_t number() const { return number_; }
    constexpr bool negative() const { return negative_; }

private:
    std::string_view text_;
    std::uint64_t number_ = 0;
    bool negative_ = false;
    bool is_text_ = false;
};

namespace detail
{
std::size_t format(char* out, std::size_t size, std::string_view text, const FormatArgument* arguments,
                   std::size_t count);
void log(std::string_view text, const FormatArgument* arguments, std::size_t count);
[[noreturn]] void panic(std::string_view text, const FormatArgument* arguments, std::size_t count);
}  // namespace detail

/// Writes at most `size` bytes to `out` (no terminating zero) and returns how many.
template <typename... Arguments>
std::size_t format(char* out, std::size_t size, std::string_view text, const Arguments&... arguments)
{
    const FormatArgument list[] = {FormatArgument(arguments)..., FormatArgument(0)};
    return detail::format(out, size, text, list, sizeof...(arguments));
}

/// Prints one line of the platform's own: "u0: <text>\n".  Longer than 255 bytes is cut.
template <typename... Arguments>
void log(std::string_view text, const Arguments&... arguments)
{
    const FormatArgument list[] = {FormatArgument(arguments)..., FormatArgument(0)};
    detail::log(text, list, sizeof...(arguments));
}

/// Prints "u0: panic: <text>" and powers the machine off.  Usable everywhere, also in interrupts; a
/// panic inside a panic halts.
template <typename... Arguments>
[[noreturn]] void panic(std::string_view text, const Arguments&... arguments)
{
    const FormatArgument list[] = {FormatArgument(arguments)..., FormatArgument(0)};
    detail::panic(text, list, sizeof...(arguments));
}

/// Bytes to the console as they are (the application's output), through the point `console.write`.
void console_write(const char* bytes, std::size_t size);

}  // namespace u0
