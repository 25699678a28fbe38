// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "u0/irq.hh"
#include "u0/types.hh"

/// PCI (Local Bus Specification 3.0) by configuration mechanism 1.  All of it before the image is sealed
/// only: drivers find and map what they need in `boot.init`, after this module's.
namespace u0::pci
{

struct Device {
    std::uint8_t bus, slot, function;
    std::uint16_t vendor, device;
};

/// Everything on all buses, in order of bus, slot and function.
std::span<const Device> devices();

std::uint32_t read32(const Device& device, unsigned offset);
std::uint16_t read16(const Device& device, unsigned offset);
std::uint8_t read8(const Device& device, unsigned offset);
void write32(const Device& device, unsigned offset, std::uint32_t value);
void write16(const Device& device, unsigned offset, std::uint16_t value);

/// Lets the device decode its memory addresses and write to memory.
void enable(const Device& device);

/// Offset of the next capability with this id after the one at `after` (0: from the first).
std::optional<unsigned> capability(const Device& device, unsigned id, unsigned after = 0);

/// Maps bytes of a memory address register's range.  An address is assigned where firmware left none.
/// Panics when the register is no memory register or the range does not lie in it.
volatile void* map(const Device& device, unsigned bar, std::uint64_t offset, std::size_t bytes);

/// Enables MSI-X with entry 0 sending `message`, all other entries masked.  False when the device has none.
bool enable_msix(const Device& device, const irq::Message& message);

}  // namespace u0::pci
