// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "u0/types.hh"

/// Virtual I/O Device (virtio) 1.1, the modern interface over PCI alone (sections 2.6, 3.1, 4.1).
namespace u0::virtio
{

inline constexpr std::uint64_t event_idx = std::uint64_t{1} << 29, version_1 = std::uint64_t{1} << 32;

class Queue;

/// A device.  Opened in `random.seed` or `boot.init`; lives for ever.
class Device
{
public:
    /// The first device of that type (section 5) that nobody opened yet, reset and acknowledged; nothing when
    /// there is none.  Panics for one that speaks only the legacy interface.
    static std::optional<Device> open(unsigned type);

    /// Agrees on the offered ones among `wanted`, version_1 and event_idx; returns what was agreed.
    std::uint64_t negotiate(std::uint64_t wanted);

    /// Sets up queue `index` with at most `largest` descriptors.  `vector`: of its interrupt, 0 for none.
    /// Panics when the device has no such queue or memory is short.
    Queue queue(unsigned index, unsigned largest, unsigned vector);

    /// After all queues.
    void start();

    /// `bytes` of the device's configuration from `offset` on; zeros beyond its end.
    void read_configuration(std::size_t offset, void* out, std::size_t bytes) const;

private:
    struct Registers;
    volatile Registers* registers_ = nullptr;
    volatile unsigned char* notify_ = nullptr;
    volatile unsigned char* configuration_ = nullptr;
    std::size_t configuration_size_ = 0;
    std::size_t notify_size_ = 0;
    std::uint32_t notify_multiplier_ = 0;
    std::uint64_t features_ = 0;
    unsigned type_ = 0;
    unsigned pci_index_ = 0;
    bool msix_ = false;
};

struct Buffer {
    std::uint64_t physical;
    std::uint32_t bytes;
    bool for_device_to_write;
};

struct Finished {
    std::uint16_t head;   ///< what add() returned
    std::uint32_t bytes;  ///< written by the device; at most what it was given
};

/// A split queue (section 2.6), one thread.  What the device writes is checked: a device that breaks the
/// rules ends in a panic, not in memory of others.
class Queue
{
public:
    unsigned size() const { return size_; }
    unsigned free_descriptors() const { return free_count_; }

    /// What the next add() will return, if it succeeds.
    std::uint16_t next_head() const { return free_head_; }

    /// Offers a chain of buffers to the device; its head, or nothing when descriptors are short.
    std::optional<std::uint16_t> add(std::span<const Buffer> buffers);

    /// Whether take() would return something.
    bool pending() const { return *used_index_ != taken_; }

    /// The next chain the device is done with.
    std::optional<Finished> take()
    {
        if (*used_index_ == taken_)
            return std::nullopt;
        return take_next();
    }

    /// Tells the device of what was added, if it wants to know.
    void kick()
    {
        if (added_ != kicked_)
            notify();
    }

    /// Asks for an interrupt when the device finishes something; true when it has already.
    bool arm();

    /// No interrupts, please: it is polled.  (The device may send some all the same.)
    void disarm()
    {
        if (armed_)
            stop_interrupts();
    }

private:
    friend class Device;
    struct Descriptor;
    struct Available;
    struct Used;
    struct Layout;
    void place(unsigned char* memory);
    Finished take_next();
    void notify();
    void stop_interrupts();
    void set_used_event(std::uint16_t value);
    std::uint16_t available_event() const;

    Descriptor* descriptors_ = nullptr;
    Available* available_ = nullptr;
    volatile Used* used_ = nullptr;
    const volatile std::uint16_t* used_index_ = nullptr;  // of used_
    std::uint16_t* links_ = nullptr;  // our own copy of what follows what: the device cannot change it
    std::uint32_t* room_ =
        nullptr;  // bytes the device may write to the chain of this head; 0 is "not offered"
    volatile std::uint16_t* notify_ = nullptr;
    std::uint16_t index_ = 0;
    std::uint16_t size_ = 0, free_count_ = 0, free_head_ = 0;
    std::uint16_t added_ = 0;   // where the next chain goes in the available ring
    std::uint16_t kicked_ = 0;  // what the device was told of
    std::uint16_t taken_ = 0;   // where the next finished one is in the used ring
    bool event_idx_ = false;
    bool armed_ = true;
};

}  // namespace u0::virtio
