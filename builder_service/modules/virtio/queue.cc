// SPDX-License-Identifier: Apache-2.0
#include "queue_layout.hh"
#include "u0/console.hh"

namespace u0::virtio
{
namespace
{

enum : std::uint16_t { has_next = 1, device_writes = 2 };       // of descriptors
constexpr std::uint16_t no_interrupt = 1, no_notification = 1;  // of the rings' flags

// x86 keeps stores in order, and loads; only a store may pass a later load (Intel SDM volume 3, section 8.2).
void compiler_barrier()
{
    asm volatile("" : : : "memory");
}
void full_barrier()
{
    asm volatile("lock; addl $0, -4(%%rsp)" : : : "memory", "cc");
}

}  // namespace

U0_INIT_TEXT void Queue::place(unsigned char* memory)
{
    const Layout layout(size_);
    descriptors_ = reinterpret_cast<Descriptor*>(memory);
    available_ = reinterpret_cast<Available*>(memory + layout.available);
    used_ = reinterpret_cast<volatile Used*>(memory + layout.used);
    used_index_ = &used_->index;
    for (std::uint16_t i = 0; i < size_; ++i) {
        links_[i] = static_cast<std::uint16_t>(i + 1);
        room_[i] = 0;
    }
}

void Queue::set_used_event(std::uint16_t value)
{
    *const_cast<volatile std::uint16_t*>(&available_->ring[size_]) = value;
}

std::uint16_t Queue::available_event() const
{
    return *reinterpret_cast<const volatile std::uint16_t*>(&used_->ring[size_]);
}

std::optional<std::uint16_t> Queue::add(std::span<const Buffer> buffers)
{
    if (buffers.empty() || buffers.size() > free_count_)
        return std::nullopt;
    const std::uint16_t head = free_head_;
    std::uint16_t at = head, last = head;
    std::uint32_t room = 1;  // one more than the bytes, so that 0 means "not offered"
    for (const Buffer& buffer : buffers) {
        last = at;
        at = links_[at];
        descriptors_[last] = {
            .address = buffer.physical, .length = buffer.bytes, .flags = has_next, .next = at};
        if (buffer.for_device_to_write) {
            descriptors_[last].flags = has_next | device_writes;
            room += buffer.bytes;
        }
    }
    descriptors_[last].flags &= static_cast<std::uint16_t>(~has_next);
    links_[last] = size_;  // the end of this chain
    free_head_ = at;
    free_count_ = static_cast<std::uint16_t>(free_count_ - buffers.size());
    room_[head] = room;
    available_->ring[added_ & (size_ - 1)] = head;
    ++added_;
    compiler_barrier();
    *const_cast<volatile std::uint16_t*>(&available_->index) = added_;
    return head;
}

Finished Queue::take_next()
{
    compiler_barrier();
    const std::uint32_t head = used_->ring[taken_ & (size_ - 1)].id,
                        bytes = used_->ring[taken_ & (size_ - 1)].length;
    ++taken_;
    if (head >= size_ || room_[head] == 0 || bytes >= room_[head])
        panic("a virtio device finished buffer {} with {} bytes, which it was not given", head, bytes);
    room_[head] = 0;
    const auto first = static_cast<std::uint16_t>(head);
    std::uint16_t last = first, count = 1;
    for (; links_[last] != size_; ++count)
        last = links_[last];
    links_[last] = free_head_;
    free_head_ = first;
    free_count_ = static_cast<std::uint16_t>(free_count_ + count);
    return {first, bytes};
}

void Queue::notify()
{
    full_barrier();  // the device sees the new index before we look at what it wants
    // Section 2.6.7.2: notify when the index the device waits for lies in what was added.
    const bool wanted = event_idx_ ? static_cast<std::uint16_t>(added_ - available_event() - 1) <
                                         static_cast<std::uint16_t>(added_ - kicked_)
                                   : !(used_->flags & no_notification);
    kicked_ = added_;
    if (wanted)
        *notify_ = index_;
}

bool Queue::arm()
{
    if (event_idx_)
        set_used_event(taken_);
    else
        *const_cast<volatile std::uint16_t*>(&available_->flags) = 0;
    armed_ = true;
    full_barrier();  // the wish is seen before we look a last time
    return used_->index != taken_;
}

void Queue::stop_interrupts()
{
    armed_ = false;
    if (event_idx_)
        set_used_event(
            static_cast<std::uint16_t>(taken_ - 1));  // 65,535 from now; moved on by the next arm()
    else
        *const_cast<volatile std::uint16_t*>(&available_->flags) = no_interrupt;
}

}  // namespace u0::virtio
