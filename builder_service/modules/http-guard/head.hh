// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

/// Heads of HTTP/1.x requests (RFC 9112, sections 2 to 6), parsed strictly: whatever two readers could take
/// differently is refused, so that the application cannot see another request than the one decided on.
namespace u0::http_guard
{

/// Status codes with which the guard itself answers; `none` is 0.
enum class Status : std::uint16_t {
    none = 0,
    bad_request = 400,
    unauthorized = 401,
    forbidden = 403,
    request_timeout = 408,
    content_too_large = 413,
    uri_too_long = 414,
    fields_too_large = 431,
    not_implemented = 501,
    service_unavailable = 503,
    version_not_supported = 505,
};

enum class BodyKind : std::uint8_t { none, length, chunked };

/// What the guard needs to know of a request. The views point into the parsed bytes.
struct Head {
    std::string_view method;
    std::string_view path;           ///< normalised, without the query
    std::string_view authorization;  ///< the field's value; empty when absent
    bool has_authorization = false;
    BodyKind body = BodyKind::none;
    std::uint64_t content_length = 0;
    bool http_1_0 = false;
    bool close = false;             ///< "Connection: close"
    bool expects_continue = false;  ///< "Expect: 100-continue"
    bool upgrade = false;           ///< "Upgrade: websocket", the only one that passes
    std::size_t skip = 0;           ///< bytes at the front that must not pass (the head became shorter)
};

/// Progress of looking for the end of a head.
struct HeadEnd {
    Status refused = Status::none;
    std::size_t size = 0;  ///< of the whole head with its empty line; 0: not yet complete
};

/// Looks for the end of the head at the front of `bytes`, which does not begin with CR or LF.
///
/// @param bytes   what has arrived
/// @param scanned bytes of it that were looked at before; receives the new progress
/// @param limit   of the head in bytes: 414 when the first line is longer, 431 when the head is
HeadEnd find_head_end(std::span<const unsigned char> bytes, std::size_t& scanned, std::size_t limit);

/// Parses a complete head and rewrites it in place: the target is normalised, and "Upgrade" fields other than
/// "websocket" are renamed (RFC 9110, section 7.8 lets a server ignore them, and what follows an upgrade to
/// HTTP/2 could not be looked at). The result ends at the same byte and begins at `head.skip`. Parsing the
/// result again gives the same result.
///
/// @return Status::none, or with what to refuse
Status parse_head(std::span<unsigned char> bytes, Head& head);

/// What others may be told of a request, from its first bytes, unchecked: method and path. A query is
/// nobody's business, and what stands before a path (RFC 9112, section 3.2.2) may hold a name and password.
std::string_view presentable(std::string_view head);

}  // namespace u0::http_guard
