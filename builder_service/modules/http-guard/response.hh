// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "body.hh"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace u0::http_guard
{

/// Whether two areas are equal; no byte-wise loop, and the duration tells only the size.
inline bool equal_words(const unsigned char* a, const unsigned char* b, std::size_t size)
{
    std::uint64_t difference = 0;
    const auto compare = [&](std::size_t at) {
        std::uint64_t x, y;
        // Freestanding code gets a call for std::memcpy, and an instruction for this.
        __builtin_memcpy(&x, a + at, sizeof x);
        __builtin_memcpy(&y, b + at, sizeof y);
        difference |= x ^ y;
    };
    const auto compare_block = [&](std::size_t at) {
        compare(at);
        compare(at + 8);
        compare(at + 16);
        compare(at + 24);
    };
    std::size_t at = 0;
    if (size >= 32) {
        for (; at + 32 <= size; at += 32)
            compare_block(at);
        compare_block(size - 32);  // overlaps what was compared
    } else {
        for (; at + 8 <= size; at += 8)
            compare(at);
        for (; at < size; ++at)
            difference |= static_cast<std::uint64_t>(a[at] ^ b[at]);
    }
    return difference == 0;
}

/// A whole head of a response, and what it says of the content.
struct KnownResponse {
    std::uint16_t size = 0;  ///< of the head; 0: no head
    BodyKind body = BodyKind::none;
    std::uint64_t length = 0;
    std::uint64_t whole_size = 0;  ///< of head and content, when the content has a `length`; else 0
    std::array<unsigned char, 384> head{};
};

inline constexpr KnownResponse no_response{};

/// Heads of responses seen before: applications say the same again and again, and comparing words is several
/// times cheaper than parsing. Shared by all connections.
class ResponseMemo
{
public:
    /// Remembers a complete head; `no_response` when it is too long. What it refers to may be overwritten by
    /// a later head, but is always one whole head.
    const KnownResponse& store(std::span<const unsigned char> head, BodyKind body, std::uint64_t length);

private:
    std::array<KnownResponse, 8> entries_{};
    std::uint8_t next_ = 0;
};

/// Follows what the application writes, only to know where the response to one request ends (RFC 9112,
/// section 6.3). What it cannot follow has no end but the connection's: then no further request passes.
class ResponseTracker
{
public:
    /// Begins to wait for the response to a request.
    void start(bool to_head)
    {
        phase_ = to_head ? Phase::status_line : Phase::fresh;
        to_head_ = to_head;
    }

    /// Takes bytes of the response from the front of `bytes` and stops behind its end.
    /// @return how many were taken
    std::size_t feed(std::span<const unsigned char> bytes, ResponseMemo& memo);

    /// The common case at the least cost: `bytes` are one whole response whose head is the last one's.
    /// False, and nothing has happened, when they are not.
    bool feed_whole(std::span<const unsigned char> bytes)
    {
        if (phase_ != Phase::fresh || bytes.size() != known_->whole_size ||
            !equal_words(bytes.data(), known_->head.data(), known_->size))
            return false;
        phase_ = Phase::complete;
        return true;
    }

    bool complete() const { return phase_ == Phase::complete; }
    bool untouched() const
    {
        return phase_ == Phase::fresh || (phase_ == Phase::status_line && line_size_ == 0);
    }
    bool switched_protocol() const { return phase_ == Phase::switched; }

private:
    enum class Phase : std::uint8_t {
        complete,
        fresh,  ///< a status line comes, and the response may have content
        status_line,
        fields,
        body,
        until_close,
        switched
    };

    bool feed_known(std::span<const unsigned char> bytes, std::size_t& taken);
    std::size_t feed_line(std::span<const unsigned char> bytes);
    void take_line(std::string_view line, bool cut);
    void take_status(std::string_view line);
    void take_field(std::string_view line, bool cut);
    void end_head();

    const KnownResponse* known_ = &no_response;
    BodyReader body_;
    std::uint64_t length_ = 0;
    std::uint16_t status_ = 0;
    Phase phase_ = Phase::complete;
    bool to_head_ = false;
    bool has_length_ = false, chunked_ = false, unclear_ = false;
    std::uint8_t line_size_ = 0;  // of a line that came in parts; more than fits is cut
    std::array<char, 63> line_;
};

}  // namespace u0::http_guard
