// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "u0/virtio.hh"

namespace u0::virtio
{

/// virtio 1.1, sections 2.6.5, 2.6.6 and 2.6.8; all little-endian.
struct Queue::Descriptor {
    std::uint64_t address;
    std::uint32_t length;
    std::uint16_t flags, next;
};
struct Queue::Available {
    std::uint16_t flags, index;
    std::uint16_t ring[];  // and after it used_event
};
struct Queue::Used {
    std::uint16_t flags, index;
    struct Element {
        std::uint32_t id, length;
    } ring[];  // and after it avail_event
};

/// The three parts in one piece of memory.
struct Queue::Layout {
    std::size_t available, used, bytes;
    constexpr explicit Layout(std::size_t size)
        : available(size * sizeof(Descriptor)),
          used((available + sizeof(Available) + 2 * size + 2 + 3) & ~std::size_t{3}),
          bytes(used + sizeof(Used) + sizeof(Used::Element) * size + 2)
    {
    }
};

}  // namespace u0::virtio
