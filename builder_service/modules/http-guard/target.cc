// SPDX-License-Identifier: Apache-2.0
#include "target.hh"

#include "text.hh"

#include <algorithm>
#include <cstring>

namespace u0::http_guard
{

namespace
{

/// Bytes that may stand in a target as they are. More than RFC 3986 has (browsers send '|' and '"'
/// unencoded), but nothing that ends a request line, a path or a segment for some reader.
bool is_target_char(char c)
{
    return c > ' ' && c < '\x7f' && c != '#';
}

/// Value of the percent sequence at `text`, or -1.
int percent_value(std::string_view text)
{
    if (text.size() < 3 || text[0] != '%')
        return -1;
    const int high = hex_value(text[1]), low = hex_value(text[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/// Two bytes that begin the encoding of a character in more bytes than it needs (RFC 3629, section 3), with
/// which '/' and '.' have been smuggled past many filters.
bool is_overlong(int first, int second)
{
    return first == 0xc0 || first == 0xc1 || (first == 0xe0 && second >= 0x80 && second < 0xa0) ||
           (first == 0xf0 && second >= 0x80 && second < 0x90);
}

/// Decodes unreserved characters and upper-cases other encodings; 0 when the path is refused.
std::size_t normalise_encoding(char* path, std::size_t size)
{
    std::size_t out = 0;
    int previous = 0;
    for (std::size_t in = 0; in < size; ++in) {
        const char c = path[in];
        if (c == '\\')
            return 0;
        if (c != '%') {
            path[out++] = c;
            previous = 0;
            continue;
        }
        const int value = percent_value(std::string_view(path + in, size - in));
        if (value < ' ' || value == 0x7f || value == '/' || value == '\\' || is_overlong(previous, value) ||
            is_overlong(value, 0))
            return 0;
        static constexpr char digits[] = "0123456789ABCDEF";
        if (is_unreserved(static_cast<char>(value))) {
            path[out++] = static_cast<char>(value);
        } else {
            path[out++] = '%';
            path[out++] = digits[value / 16];
            path[out++] = digits[value % 16];
        }
        previous = value;
        in += 2;
    }
    return out;
}

}  // namespace

bool split_absolute_form(std::string_view target, std::string_view& authority, std::string_view& origin)
{
    authority = {};
    origin = target;
    if (target.empty() || target.front() == '/')
        return !target.empty();
    const std::size_t colon = target.find("://");
    if (colon == std::string_view::npos)
        return false;
    const std::string_view scheme = target.substr(0, colon);
    if (!equal_nocase(scheme, "http") && !equal_nocase(scheme, "https"))
        return false;
    const std::string_view rest = target.substr(colon + 3);
    const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
    authority = rest.substr(0, end);
    origin = rest.substr(end);
    return !authority.empty() && authority.find('@') == std::string_view::npos;
}

std::size_t remove_dot_segments(char* path, std::size_t size)
{
    std::size_t out = 0, in = 0;
    bool directory = false;  // the path ends with '/' or a dot segment
    while (in < size) {
        ++in;  // the '/' before the segment
        const void* slash = in < size ? std::memchr(path + in, '/', size - in) : nullptr;
        const std::size_t end =
            slash != nullptr ? static_cast<std::size_t>(static_cast<const char*>(slash) - path) : size;
        const std::string_view segment(path + in, end - in);
        directory = segment.empty() || segment == "." || segment == "..";
        if (segment == "..") {
            while (out > 0 && path[--out] != '/') {
            }
        } else if (!directory) {
            path[out++] = '/';
            std::memmove(path + out, path + in, segment.size());
            out += segment.size();
        }
        in = end;
    }
    if (directory || out == 0)
        path[out++] = '/';
    return out;
}

std::size_t normalise_target(std::span<char> buffer, std::size_t size, std::size_t& path_size)
{
    char* const target = buffer.data();
    for (std::size_t i = 0; i < size; ++i)
        if (!is_target_char(target[i]))
            return 0;
    if (size == 0 || target[0] == '?') {
        // "http://host" and "http://host?query": the path is "/".
        std::memmove(target + 1, target, size);
        target[0] = '/';
        ++size;
    }
    if (target[0] != '/')
        return 0;
    const std::size_t path_end = std::min(std::string_view(target, size).find('?'), size);
    std::size_t out = normalise_encoding(target, path_end);
    if (out == 0)
        return 0;
    out = remove_dot_segments(target, out);
    path_size = out;
    std::memmove(target + out, target + path_end, size - path_end);
    return out + size - path_end;
}

namespace detail
{

char view_buffers[2][view_limit];

std::size_t decode_once(char* path, std::size_t size)
{
    std::size_t out = 0;
    for (std::size_t in = 0; in < size; ++in) {
        const int value = percent_value(std::string_view(path + in, size - in));
        char c = path[in];
        if (value >= 0) {
            c = static_cast<char>(value);
            in += 2;
        }
        path[out++] = c == '\\' ? '/' : c;
    }
    return out;
}

std::size_t strip_parameters(char* path, std::size_t size)
{
    std::size_t out = 0;
    bool parameters = false;
    for (std::size_t in = 0; in < size; ++in) {
        const char c = path[in];
        parameters = c == ';' || (parameters && c != '/');
        if (!parameters)
            path[out++] = c;
    }
    return out;
}

}  // namespace detail

}  // namespace u0::http_guard
