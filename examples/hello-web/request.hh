// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <system_error>

inline bool equal_ignoring_case(std::string_view a, std::string_view b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

inline std::string_view trimmed(std::string_view text)
{
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

template <typename Number>
bool parse_number(std::string_view text, Number& number, int base = 10)
{
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

/// A request that cannot be served; the connection ends with it.
struct BadRequest {
    int status;
};

/// What the server looks at in a request. The views point into the connection's input.
struct Request {
    std::string_view method, path;
    std::uint64_t content_length = 0;
    bool chunked = false;
    bool keep_alive = true;
    bool expects_continue = false;
};

inline void parse_header(std::string_view line, Request& request, bool& length_given)
{
    std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 || line[colon - 1] == ' ' || line[0] == ' ' ||
        line[0] == '\t')
        throw BadRequest{400};
    std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
    if (equal_ignoring_case(name, "Content-Length")) {
        if (length_given || !parse_number(value, request.content_length))
            throw BadRequest{400};
        length_given = true;
    } else if (equal_ignoring_case(name, "Transfer-Encoding")) {
        if (!equal_ignoring_case(value, "chunked"))
            throw BadRequest{501};
        request.chunked = true;
    } else if (equal_ignoring_case(name, "Connection")) {
        if (equal_ignoring_case(value, "close"))
            request.keep_alive = false;
        else if (equal_ignoring_case(value, "keep-alive"))
            request.keep_alive = true;
    } else if (equal_ignoring_case(name, "Expect")) {
        request.expects_continue = equal_ignoring_case(value, "100-continue");
    }
}

/// Parses a head, without the empty line at its end.
inline Request parse_head(std::string_view head)
{
    Request request;
    std::size_t end = std::min(head.find("\r\n"), head.size());
    std::string_view line = head.substr(0, end);
    std::size_t first = line.find(' '), second = line.find(' ', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos || second == first + 1)
        throw BadRequest{400};
    request.method = line.substr(0, first);
    std::string_view target = line.substr(first + 1, second - first - 1);
    request.path = target.substr(0, target.find('?'));
    std::string_view version = line.substr(second + 1);
    if (version == "HTTP/1.0")
        request.keep_alive = false;
    else if (version != "HTTP/1.1")
        throw BadRequest{version.starts_with("HTTP/") ? 505 : 400};
    bool length_given = false;
    while (end < head.size()) {
        head.remove_prefix(end + 2);
        end = std::min(head.find("\r\n"), head.size());
        parse_header(head.substr(0, end), request, length_given);
    }
    if (request.chunked && length_given)
        throw BadRequest{400};  // RFC 9112, 6.3: a sign of request smuggling
    return request;
}
