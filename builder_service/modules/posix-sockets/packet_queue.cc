// SPDX-License-Identifier: Apache-2.0
#include "packet_queue.hh"

#include <algorithm>
#include <cstring>
#include <utility>

namespace u0::posix_sockets
{
namespace
{

unsigned char* bytes(const pbuf& buffer)
{
    return static_cast<unsigned char*>(buffer.payload);
}

constexpr std::size_t largest_pbuf = 0xffff;
constexpr std::size_t crumb = 128;       ///< a buffer with fewer bytes costs much more than it holds
constexpr std::size_t gathering = 1536;  ///< bytes, where crumbs are put together

pbuf* allocate(std::size_t size)
{
    return size > largest_pbuf ? nullptr : pbuf_alloc(PBUF_RAW, static_cast<u16_t>(size), PBUF_RAM);
}

}  // namespace

/// A peer that sends byte by byte must not take a buffer for each: two small ones at the end become one with
/// room for more.
void PacketQueue::gather_crumbs()
{
    pbuf* gathered = last_->next || last_->len >= crumb ? nullptr : allocate(gathering);
    if (!gathered)
        return;
    std::memcpy(bytes(*gathered), last_->payload, last_->len);
    gathered->len = last_->len;
    if (first_ == last_) {
        pbuf_free(last_);
        first_ = gathered;
    } else {
        pbuf* before = first_;
        while (before->next != last_)
            before = before->next;
        pbuf_free(last_);
        before->next = gathered;
    }
    last_ = gathered;
    room_ = gathering - gathered->len;
}

void PacketQueue::append(pbuf* chain)
{
    if (last_ && room_ == 0 && !chain->next && chain->len < crumb)
        gather_crumbs();
    if (room_ > 0 && chain->len <= room_ && !chain->next) {
        // Goes behind the bytes that front() has gathered, so that gathering again has less to copy.
        std::memcpy(bytes(*last_) + last_->len, chain->payload, chain->len);
        last_->len = static_cast<u16_t>(last_->len + chain->len);
        room_ -= chain->len;
        size_ += chain->len;
        pbuf_free(chain);
        return;
    }
    room_ = 0;
    (last_ ? last_->next : first_) = chain;
    for (pbuf* buffer = chain; buffer; buffer = buffer->next) {
        size_ += buffer->len;
        last_ = buffer;
    }
}

/// Takes the first buffer out, without its bytes' count.
pbuf* PacketQueue::pop()
{
    pbuf* buffer = first_;
    first_ = buffer->next;
    buffer->next = nullptr;
    if (!first_) {
        last_ = nullptr;
        room_ = 0;
    }
    return buffer;
}

void PacketQueue::consume_from_first(std::size_t n)
{
    size_ -= n;
    if (n == first_->len) {
        pbuf_free(pop());
        return;
    }
    first_->payload = bytes(*first_) + n;
    first_->len = static_cast<u16_t>(first_->len - n);
}

std::size_t PacketQueue::take(Buffers& to)
{
    std::size_t done = 0;
    while (first_ && (to.size() > 0 || first_->len == 0)) {
        std::size_t n = to.fill(first_->payload, first_->len);
        consume_from_first(n);
        done += n;
    }
    return done;
}

std::size_t PacketQueue::peek(Buffers& to) const
{
    std::size_t done = 0;
    for (const pbuf* buffer = first_; buffer && to.size() > 0; buffer = buffer->next)
        done += to.fill(buffer->payload, buffer->len);
    return done;
}

void PacketQueue::drop(std::size_t n)
{
    while (first_ && (n > 0 || first_->len == 0)) {
        std::size_t step = std::min<std::size_t>(n, first_->len);
        consume_from_first(step);
        n -= step;
    }
}

bool PacketQueue::move_part(std::size_t n, PacketQueue& to)
{
    pbuf* part = nullptr;  // a copy of the bytes of a buffer that stays behind in part
    std::size_t whole = 0;
    for (pbuf* buffer = first_; buffer && whole + buffer->len <= n; buffer = buffer->next)
        whole += buffer->len;
    if (whole < n && !(part = allocate(n - whole)))
        return false;
    while (whole > 0) {
        std::size_t length = first_->len;
        size_ -= length;
        whole -= length;
        to.append(pop());
    }
    if (part) {
        std::memcpy(part->payload, first_->payload, part->len);
        consume_from_first(part->len);
        to.append(part);
    }
    return true;
}

std::span<unsigned char> PacketQueue::gather(std::size_t n)
{
    if (n == 0 || n > size_)
        return {};
    while (first_->len == 0)
        pbuf_free(pop());
    if (n <= first_->len)
        return {bytes(*first_), first_->len};
    std::size_t gathered = 0;
    for (const pbuf* buffer = first_; gathered < n; buffer = buffer->next)
        gathered += buffer->len;
    // If these are all bytes there are: twice the room, so that bytes which trickle in are copied but a
    // few times each.
    std::size_t capacity = gathered == size_ ? std::min(std::max(2 * n, gathered), largest_pbuf) : gathered;
    pbuf* whole = gathered <= capacity ? allocate(capacity) : nullptr;
    if (!whole)
        return {};
    std::size_t offset = 0;
    while (offset < gathered) {
        pbuf* buffer = pop();
        std::memcpy(bytes(*whole) + offset, buffer->payload, buffer->len);
        offset += buffer->len;
        pbuf_free(buffer);
    }
    whole->len = static_cast<u16_t>(offset);
    whole->next = first_;
    if (!first_) {
        last_ = whole;
        room_ = capacity - offset;
    }
    first_ = whole;
    return {bytes(*whole), offset};
}

}  // namespace u0::posix_sockets
