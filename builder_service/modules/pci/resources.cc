// SPDX-License-Identifier: Apache-2.0
// Base address registers: PCI Local Bus Specification 3.0, section 6.2.5.1.
#include "u0/console.hh"
#include "u0/memory.hh"
#include "u0/pci.hh"

namespace u0::pci
{
namespace
{

// Below the I/O APIC, and nobody's where no firmware has given out addresses.
constexpr std::uint64_t free_begin = 0xfe000000, free_end = 0xfec00000;
U0_SEALED_DATA std::uint64_t next_free = free_begin;

struct Range {
    std::uint64_t address, size;
};

constexpr unsigned register_of(unsigned bar)
{
    return 0x10 + 4 * bar;
}

U0_INIT_TEXT std::uint64_t size_of(const Device& device, unsigned bar, bool wide)
{
    const std::uint32_t low = read32(device, register_of(bar));
    const std::uint32_t high = wide ? read32(device, register_of(bar + 1)) : 0;
    // The device must not decode while its registers hold nonsense.
    const std::uint16_t command = read16(device, 4);
    write16(device, 4, static_cast<std::uint16_t>(command & ~3u));
    write32(device, register_of(bar), 0xffffffff);
    std::uint64_t mask = 0xffffffff00000000 | (read32(device, register_of(bar)) & ~15u);
    write32(device, register_of(bar), low);
    if (wide) {
        write32(device, register_of(bar + 1), 0xffffffff);
        mask = (mask & 0xffffffff) | std::uint64_t{read32(device, register_of(bar + 1))} << 32;
        write32(device, register_of(bar + 1), high);
    }
    write16(device, 4, command);
    return ~mask + 1;
}

U0_INIT_TEXT std::uint64_t assign(const Device& device, unsigned bar, std::uint64_t size)
{
    if (device.bus != 0)
        panic("PCI device {x} behind a bridge has no address: the machine needs a firmware", device.device);
    const std::uint64_t address = (next_free + size - 1) & ~(size - 1);
    if (address + size > free_end)
        panic("no address left for PCI device {x}", device.device);
    next_free = address + size;
    write32(device, register_of(bar), static_cast<std::uint32_t>(address));
    enable(device);
    return address;
}

U0_INIT_TEXT Range range_of(const Device& device, unsigned bar)
{
    const std::uint32_t low = bar < 6 ? read32(device, register_of(bar)) : 1;
    if (low & 1)
        panic("PCI device {x}: register {} is not for memory", device.device, bar);
    const bool wide = (low & 6) == 4 && bar < 5;
    const std::uint64_t high = wide ? read32(device, register_of(bar + 1)) : 0;
    std::uint64_t address = high << 32 | (low & ~15u);
    const std::uint64_t size = size_of(device, bar, wide);
    if (address == 0 && size != 0)
        address = assign(device, bar, size);
    return {address, size};
}

}  // namespace

U0_INIT_TEXT volatile void* map(const Device& device, unsigned bar, std::uint64_t offset, std::size_t bytes)
{
    const Range range = range_of(device, bar);
    if (offset > range.size || bytes > range.size - offset)
        panic("PCI device {x}: {} bytes at {x} are outside of register {}", device.device, bytes, offset,
              bar);
    return memory::map_physical(range.address + offset, bytes, true);
}

}  // namespace u0::pci
