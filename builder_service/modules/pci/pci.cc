// SPDX-License-Identifier: Apache-2.0
#include "u0/pci.hh"

#include "u0/console.hh"
#include "u0/cpu.hh"
#include "u0/memory.hh"

namespace u0::pci
{
namespace
{

constexpr std::uint16_t address_port = 0xcf8, data_port = 0xcfc;
constexpr std::size_t most_devices = 64;
constexpr unsigned deepest_bridge = 8;

U0_SEALED_DATA Device found[most_devices] = {};
U0_SEALED_DATA std::size_t found_count = 0;

U0_INIT_TEXT void select(const Device& device, unsigned offset)
{
    cpu::outl(address_port, 0x80000000u | std::uint32_t{device.bus} << 16 | std::uint32_t{device.slot} << 11 |
                                std::uint32_t{device.function} << 8 | (offset & 0xfc));
}

U0_INIT_TEXT void scan_bus(std::uint8_t bus, unsigned depth);

U0_INIT_TEXT void add(const Device& device, unsigned depth)
{
    if (found_count == most_devices)
        panic("more than {} PCI devices", most_devices);
    found[found_count++] = device;
    constexpr unsigned header_type = 0x0e, secondary_bus = 0x19;
    if ((read8(device, header_type) & 0x7f) != 1 || depth == deepest_bridge)
        return;
    if (const std::uint8_t bus = read8(device, secondary_bus); bus > device.bus)
        scan_bus(bus, depth + 1);
}

U0_INIT_TEXT void scan_bus(std::uint8_t bus, unsigned depth)
{
    for (std::uint8_t slot = 0; slot < 32; ++slot) {
        for (std::uint8_t function = 0; function < 8; ++function) {
            Device device{bus, slot, function, 0, 0};
            const std::uint32_t id = read32(device, 0);
            const bool there = (id & 0xffff) != 0xffff;
            if (there) {
                device.vendor = static_cast<std::uint16_t>(id);
                device.device = static_cast<std::uint16_t>(id >> 16);
                add(device, depth);
            }
            if (function == 0 && (!there || !(read8(device, 0x0e) & 0x80)))
                break;  // not a device of several functions
        }
    }
}

}  // namespace

U0_INIT_TEXT void init()
{
    scan_bus(0, 0);
}

U0_INIT_TEXT std::span<const Device> devices()
{
    return {found, found_count};
}

U0_INIT_TEXT std::uint32_t read32(const Device& device, unsigned offset)
{
    select(device, offset);
    return cpu::inl(data_port);
}

U0_INIT_TEXT std::uint16_t read16(const Device& device, unsigned offset)
{
    select(device, offset);
    return cpu::inw(static_cast<std::uint16_t>(data_port + (offset & 2)));
}

U0_INIT_TEXT std::uint8_t read8(const Device& device, unsigned offset)
{
    select(device, offset);
    return cpu::inb(static_cast<std::uint16_t>(data_port + (offset & 3)));
}

U0_INIT_TEXT void write32(const Device& device, unsigned offset, std::uint32_t value)
{
    select(device, offset);
    cpu::outl(data_port, value);
}

U0_INIT_TEXT void write16(const Device& device, unsigned offset, std::uint16_t value)
{
    select(device, offset);
    cpu::outw(static_cast<std::uint16_t>(data_port + (offset & 2)), value);
}

U0_INIT_TEXT void enable(const Device& device)
{
    constexpr std::uint16_t memory = 2, bus_master = 4, no_line_interrupt = 1 << 10;
    write16(device, 4,
            static_cast<std::uint16_t>(read16(device, 4) | memory | bus_master | no_line_interrupt));
}

U0_INIT_TEXT std::optional<unsigned> capability(const Device& device, unsigned id, unsigned after)
{
    constexpr std::uint16_t has_list = 1 << 4;
    if (!(read16(device, 6) & has_list))
        return std::nullopt;
    unsigned at = read8(device, after ? after + 1 : 0x34) & 0xfc;
    // 48 capabilities fill the space: a list longer than that goes in a circle.
    for (unsigned i = 0; at >= 0x40 && i < 48; ++i, at = read8(device, at + 1) & 0xfc)
        if (read8(device, at) == id)
            return at;
    return std::nullopt;
}

U0_INIT_TEXT bool enable_msix(const Device& device, const irq::Message& message)
{
    const auto at = capability(device, 0x11);
    if (!at)
        return false;
    constexpr std::uint16_t on = 1 << 15, mask_all = 1 << 14;
    const std::uint16_t control = read16(device, *at + 2);
    write16(device, *at + 2, static_cast<std::uint16_t>((control & ~mask_all) | on));
    const std::uint32_t table = read32(device, *at + 4);
    auto* entry = static_cast<volatile std::uint32_t*>(map(device, table & 7, table & ~7u, 16));
    entry[0] = static_cast<std::uint32_t>(message.address);
    entry[1] = static_cast<std::uint32_t>(message.address >> 32);
    entry[2] = message.data;
    entry[3] = 0;  // not masked; the others are, after reset
    return true;
}

}  // namespace u0::pci
