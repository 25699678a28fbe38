// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

/// Character classes and comparisons of the HTTP grammar. ASCII only, no locale.
namespace u0::http_guard
{

constexpr bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

constexpr char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

constexpr bool is_alpha(char c)
{
    return lower(c) >= 'a' && lower(c) <= 'z';
}

/// tchar of RFC 9110, section 5.6.2.
constexpr bool is_token_char(char c)
{
    return is_alpha(c) || is_digit(c) ||
           (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

/// unreserved of RFC 3986, section 2.3.
constexpr bool is_unreserved(char c)
{
    return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/// CTL of RFC 5234: 0-31 and 127.
constexpr bool is_control(char c)
{
    return (c >= 0 && c < ' ') || c == '\x7f';
}

/// Value of a hexadecimal digit, or -1.
constexpr int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    const char l = lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

constexpr bool is_token(std::string_view text)
{
    for (const char c : text)
        if (!is_token_char(c))
            return false;
    return !text.empty();
}

constexpr bool equal_nocase(std::string_view a, std::string_view b)
{
    if (a.size() != b.size())
        return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

/// Without the optional white space (OWS: space and tab) at both ends.
constexpr std::string_view trim(std::string_view text)
{
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

/// Whether a comma-separated list (RFC 9110, section 5.6.1) has an element equal to `token`, in any case.
constexpr bool list_has(std::string_view list, std::string_view token)
{
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        if (equal_nocase(trim(list.substr(0, comma)), token))
            return true;
        if (comma == std::string_view::npos)
            break;
        list.remove_prefix(comma + 1);
    }
    return false;
}

/// Content-Length's 1*DIGIT, at most 18 of them (so that sums cannot overflow). False when it is not.
constexpr bool parse_length(std::string_view text, std::uint64_t& value)
{
    if (text.empty() || text.size() > 18)
        return false;
    value = 0;
    for (const char c : text) {
        if (!is_digit(c))
            return false;
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return true;
}

}  // namespace u0::http_guard
