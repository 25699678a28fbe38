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

/// Whole heads of responses seen before: applications say the same again and again, and comparing words is
/// several times cheaper than parsing. Shared by all connections.
class ResponseMemo
{
public:
    static constexpr std::size_t entries = 8;
    static constexpr std::size_t head_limit = 384;

    struct Entry {
        std::uint16_t size = 0;  ///< 0: free
        BodyKind body = BodyKind::none;
        std::uint64_t length = 0;
        std::array<unsigned char, head_limit> head;
    };

    const Entry& operator[](std::size_t i) const { return entries_[i % entries]; }
    /// Remembers a complete head (does nothing when it is too long). Returns its index.
    std::uint8_t store(std::span<const unsigned char> head, BodyKind body, std::uint64_t length);

private:
    std::array<Entry, entries> entries_{};
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
        phase_ = Phase::status_line;
        to_head_ = to_head;
    }

    /// Takes bytes of the response from the front of `bytes` and stops behind its end.
    /// @return how many were taken
    std::size_t feed(std::span<const unsigned char> bytes, ResponseMemo& memo);

    bool complete() const { return phase_ == Phase::complete; }
    bool untouched() const { return phase_ == Phase::status_line && line_size_ == 0; }
    bool switched_protocol() const { return phase_ == Phase::switched; }

private:
    enum class Phase : std::uint8_t { complete, status_line, fields, body, until_close, switched };

    bool feed_known(std::span<const unsigned char> bytes, const ResponseMemo& memo, std::size_t& taken);
    std::size_t feed_line(std::span<const unsigned char> bytes);
    void take_line(std::string_view line, bool cut);
    void take_status(std::string_view line);
    void take_field(std::string_view line, bool cut);
    void end_head();

    BodyReader body_;
    std::uint64_t length_ = 0;
    std::uint16_t status_ = 0;
    Phase phase_ = Phase::complete;
    std::uint8_t memo_ = 0;
    bool to_head_ = false;
    bool has_length_ = false, chunked_ = false, unclear_ = false;
    std::uint8_t line_size_ = 0;  // of a line that came in parts; more than fits is cut
    std::array<char, 63> line_;
};

/// Whether two areas are equal; no byte-wise loop, and the duration tells only the size.
bool equal_words(const unsigned char* a, const unsigned char* b, std::size_t size);

}  // namespace u0::http_guard
