// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "head.hh"

#include <cstddef>
#include <cstdint>
#include <span>

namespace u0::http_guard
{

/// Finds the end of a message's content while it streams by (RFC 9112, section 6 and 7.1). The chunked coding
/// is checked strictly: CRLF and nothing else, at most 15 hexadecimal digits, extensions and trailer fields
/// of printable characters, at most `line_limit` and `trailer_limit` bytes of them.
class BodyReader
{
public:
    static constexpr std::uint32_t line_limit = 256;      ///< bytes of a chunk's size line
    static constexpr std::uint32_t trailer_limit = 4096;  ///< bytes of all trailer fields

    void start(BodyKind kind, std::uint64_t length);

    /// Takes bytes of the content from the front of `bytes` and stops behind its end.
    /// @return how many were taken; all of them belong to a valid body
    std::size_t feed(std::span<const unsigned char> bytes);

    bool done() const { return state_ == State::done; }
    /// The coding is broken; nothing behind the bytes taken so far can be interpreted.
    bool bad() const { return state_ == State::bad; }
    /// Bytes of content seen since start(), without the chunked coding's own.
    std::uint64_t seen() const { return seen_; }

private:
    enum class State : std::uint8_t {
        done,
        bad,
        length,
        size_first,  // a digit must come
        size,
        extension,
        size_lf,
        data,
        data_cr,
        data_lf,
        trailer_start,
        trailer_name,
        trailer_value,
        trailer_lf,
        last_lf,
    };

    State step(unsigned char c);
    State after_size(unsigned char c);
    State in_trailer(unsigned char c);

    std::uint64_t left_ = 0;  // bytes of the body, or of the chunk
    std::uint64_t seen_ = 0;
    std::uint32_t line_ = 0;  // bytes of the size line, or of the trailer
    State state_ = State::done;
};

}  // namespace u0::http_guard
