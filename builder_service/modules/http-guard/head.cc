// SPDX-License-Identifier: Apache-2.0
#include "head.hh"

#include "target.hh"
#include "text.hh"

#include <algorithm>
#include <cstring>

namespace u0::http_guard
{

namespace
{

constexpr std::size_t method_limit = 32;

/// What must not occur twice, or only together with something else.
struct Fields {
    std::string_view host;
    int hosts = 0, lengths = 0, encodings = 0, authorizations = 0;
};

/// A gateway that maps '-' and '_' to one character (CGI, WSGI) would take these for the real ones.
bool is_disguised(std::string_view name)
{
    if (name.find('_') == std::string_view::npos)
        return false;
    for (const std::string_view real : {"transfer-encoding", "content-length", "host", "authorization"}) {
        if (name.size() != real.size())
            continue;
        bool same = true;
        for (std::size_t i = 0; i < name.size(); ++i)
            same = same && (name[i] == '_' ? '-' : lower(name[i])) == real[i];
        if (same)
            return true;
    }
    return false;
}

/// uri-host [":" port], loosely: what cannot be mistaken for more than one host or a path.
bool is_host(std::string_view value)
{
    for (const char c : value)
        if (!is_unreserved(c) && std::string_view(":[]%!$&'()*+;=").find(c) == std::string_view::npos)
            return false;
    return true;
}

bool is_field_value(std::string_view value)
{
    return std::none_of(value.begin(), value.end(), [](char c) { return is_control(c) && c != '\t'; });
}

Status take_framing_field(std::string_view name, std::string_view value, Head& head, Fields& fields)
{
    if (equal_nocase(name, "content-length")) {
        ++fields.lengths;
        if (!parse_length(value, head.content_length))
            return Status::bad_request;
        head.body = head.content_length == 0 ? BodyKind::none : BodyKind::length;
    } else if (equal_nocase(name, "transfer-encoding")) {
        ++fields.encodings;
        if (!equal_nocase(value, "chunked"))
            return Status::bad_request;
    } else if (equal_nocase(name, "host")) {
        ++fields.hosts;
        fields.host = value;
        if (!is_host(value))
            return Status::bad_request;
    }
    return Status::none;
}

void take_other_field(char* line, std::string_view name, std::string_view value, Head& head, Fields& fields)
{
    if (equal_nocase(name, "authorization")) {
        ++fields.authorizations;
        head.has_authorization = true;
        head.authorization = value;
    } else if (equal_nocase(name, "connection")) {
        head.close = head.close || list_has(value, "close");
    } else if (equal_nocase(name, "expect")) {
        head.expects_continue = list_has(value, "100-continue");
    } else if (equal_nocase(name, "upgrade")) {
        if (equal_nocase(value, "websocket"))
            head.upgrade = true;
        else
            std::memcpy(line, "Ignored", name.size());
    }
}

/// Parses the field lines from `at` to the empty line.
Status parse_fields(char* at, char* end, Head& head, Fields& fields)
{
    while (end - at > 2) {
        // find_head_end has seen to it that every LF follows a CR.
        char* const line_end =
            static_cast<char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at))) + 1;
        const std::string_view line(at, static_cast<std::size_t>(line_end - at) - 2);
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos)
            return Status::bad_request;
        // Not a token: obs-fold, white space before the colon, an empty name.
        const std::string_view name = line.substr(0, colon);
        const std::string_view value = trim(line.substr(colon + 1));
        if (!is_token(name) || !is_field_value(value) || is_disguised(name))
            return Status::bad_request;
        if (const Status refused = take_framing_field(name, value, head, fields); refused != Status::none)
            return refused;
        take_other_field(at, name, value, head, fields);
        at = line_end;
    }
    return Status::none;
}

Status check_fields(Head& head, const Fields& fields)
{
    if (fields.lengths > 1 || fields.encodings > 1 || fields.authorizations > 1 || fields.hosts > 1)
        return Status::bad_request;
    if (fields.hosts == 0 && !head.http_1_0)
        return Status::bad_request;
    if (fields.encodings == 1) {
        if (fields.lengths == 1 || head.http_1_0)
            return Status::bad_request;
        head.body = BodyKind::chunked;
    }
    // RFC 9110, sections 9.3.1, 9.3.2 and 9.3.8: content of these means nothing to anybody, and a server that
    // does not expect it takes it for the next request.
    const bool no_body = equal_nocase(head.method, "GET") || equal_nocase(head.method, "HEAD") ||
                         equal_nocase(head.method, "TRACE");
    return no_body && head.body != BodyKind::none ? Status::bad_request : Status::none;
}

/// Splits "method SP target SP HTTP/1.x" (without CRLF). Views into `line`.
Status split_request_line(std::string_view line, Head& head, std::string_view& target)
{
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last)
        return Status::bad_request;
    head.method = line.substr(0, first);
    target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!is_token(head.method) || head.method.size() > method_limit)
        return Status::bad_request;
    if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) || version[6] != '.' ||
        !is_digit(version[7]))
        return Status::bad_request;
    if (version[5] != '1' || version[7] > '1')
        return Status::version_not_supported;
    head.http_1_0 = version[7] == '0';
    // A tunnel could not be looked into.
    return equal_nocase(head.method, "CONNECT") ? Status::not_implemented : Status::none;
}

/// Writes method, normalised target and version again so that they end where they ended. `target` lies in
/// `line`. Returns the new front of the line, or nullptr when the target is refused.
char* rewrite_request_line(char* line, std::size_t line_size, std::string_view target, Head& head)
{
    if (target == "*") {
        head.path = "/";  // the server as a whole
        return equal_nocase(head.method, "OPTIONS") ? line : nullptr;
    }
    std::string_view authority, origin;
    if (!split_absolute_form(target, authority, origin))
        return nullptr;
    const std::size_t method_size = head.method.size();
    char* const origin_begin = line + method_size + 1 + (target.size() - origin.size());
    char* const version = line + line_size - 9;  // " HTTP/1.x"
    const bool was_absolute = origin.size() != target.size();
    if (!was_absolute && target.front() != '/')
        return nullptr;
    // After an authority there is room for the '/' of an empty path: start one byte early.
    char* begin = was_absolute ? origin_begin - 1 : origin_begin;
    std::memmove(begin, origin_begin, origin.size());
    std::size_t path_size = 0;
    const std::size_t size = normalise_target(std::span(begin, static_cast<std::size_t>(version - begin)),
                                              origin.size(), path_size);
    if (size == 0)
        return nullptr;
    char* const moved = version - size;
    std::memmove(moved, begin, size);
    char* const front = moved - 1 - method_size;
    std::memmove(front, line, method_size);
    front[method_size] = ' ';
    head.method = std::string_view(front, method_size);
    head.path = std::string_view(moved, path_size);
    return front;
}

}  // namespace

HeadEnd find_head_end(std::span<const unsigned char> bytes, std::size_t& scanned, std::size_t limit)
{
    const std::size_t size = std::min(bytes.size(), limit);
    const unsigned char* const begin = bytes.data();
    while (scanned < size) {
        const void* const found = std::memchr(begin + scanned, '\n', size - scanned);
        if (found == nullptr) {
            scanned = size;
            break;
        }
        const std::size_t at = static_cast<std::size_t>(static_cast<const unsigned char*>(found) - begin);
        scanned = at + 1;
        if (at == 0 || begin[at - 1] != '\r')
            return {Status::bad_request, 0};
        if (at >= 3 && begin[at - 2] == '\n')
            return {Status::none, at + 1};
    }
    if (bytes.size() < limit)
        return {};
    const bool in_first_line = std::memchr(begin, '\n', size) == nullptr;
    return {in_first_line ? Status::uri_too_long : Status::fields_too_large, 0};
}

Status parse_head(std::span<unsigned char> bytes, Head& head)
{
    char* const front = reinterpret_cast<char*>(bytes.data());
    char* const end = front + bytes.size();
    char* const fields_begin = static_cast<char*>(std::memchr(front, '\n', bytes.size())) + 1;
    const std::size_t line_size = static_cast<std::size_t>(fields_begin - front) - 2;
    std::string_view target;
    if (const Status refused = split_request_line(std::string_view(front, line_size), head, target);
        refused != Status::none)
        return refused;

    Fields fields;
    if (const Status refused = parse_fields(fields_begin, end, head, fields); refused != Status::none)
        return refused;
    std::string_view authority, origin;
    if (split_absolute_form(target, authority, origin) && !authority.empty() && fields.hosts == 1 &&
        !equal_nocase(authority, fields.host))
        return Status::bad_request;
    if (const Status refused = check_fields(head, fields); refused != Status::none)
        return refused;

    char* const rewritten = rewrite_request_line(front, line_size, target, head);
    if (rewritten == nullptr)
        return Status::bad_request;
    head.skip = static_cast<std::size_t>(rewritten - front);
    return Status::none;
}

std::string_view presentable(std::string_view head)
{
    const std::size_t end = head.find_first_of("\r\n");
    const std::string_view line = head.substr(0, end);
    const std::size_t target = line.find(' ') + 1;
    const bool known = target != 0 && target < line.size();
    const bool complete = end != std::string_view::npos;
    std::string_view shown = line;
    if (known && line[target] != '/' && (!complete || line.find('@', target) != std::string_view::npos))
        shown = line.substr(0, target);
    return trim(shown.substr(0, shown.find('?')));
}

}  // namespace u0::http_guard
