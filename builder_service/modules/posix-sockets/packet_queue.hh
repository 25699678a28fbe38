// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "lwip_api.hh"
#include "u0/file.hh"

namespace u0::posix_sockets
{

/// Bytes received and not yet consumed: lwIP's packet buffers in a row, as they came from the card. Owns
/// them. Only `next`, `payload` and `len` of a pbuf have a meaning in here, `tot_len` (16 bits) has none.
class PacketQueue
{
public:
    PacketQueue() = default;
    PacketQueue(const PacketQueue&) = delete;
    PacketQueue& operator=(const PacketQueue&) = delete;
    ~PacketQueue() { drop(size_); }

    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

    /// Takes ownership of a chain.
    void append(pbuf* chain);

    /// Copies to the application and consumes; returns the bytes that fitted.
    std::size_t take(Buffers& to);

    /// Copies to the application and keeps everything.
    std::size_t peek(Buffers& to) const;

    /// Consumes the first `n` (<= size()) bytes.
    void drop(std::size_t n);

    /// Moves the first `n` (<= size()) bytes to the end of `to`; without a copy as far as whole buffers
    /// move. False, and nothing moved, when memory is out.
    bool move(std::size_t n, PacketQueue& to)
    {
        if (n != size_ || to.first_)
            return move_part(n, to);
        to.first_ = std::exchange(first_, nullptr);  // one whole request, as a rule
        to.last_ = std::exchange(last_, nullptr);
        to.size_ = std::exchange(size_, 0);
        to.room_ = std::exchange(room_, 0);
        return true;
    }

    /// Makes the first `n` (<= size()) bytes contiguous; the first buffer, or empty when memory is out.
    std::span<unsigned char> front(std::size_t n)
    {
        if (n == 0 || !first_ || n > first_->len)
            return gather(n);
        return {static_cast<unsigned char*>(first_->payload), first_->len};
    }

private:
    bool move_part(std::size_t n, PacketQueue& to);
    std::span<unsigned char> gather(std::size_t n);
    void gather_crumbs();
    pbuf* pop();
    void consume_from_first(std::size_t n);

    pbuf* first_ = nullptr;
    pbuf* last_ = nullptr;
    std::size_t size_ = 0;
    std::size_t room_ = 0;  ///< writable bytes behind the last buffer's data (made by front())
};

}  // namespace u0::posix_sockets
