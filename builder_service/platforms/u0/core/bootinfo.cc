// SPDX-License-Identifier: Apache-2.0
#include "u0/bootinfo.hh"

#include "boot.hh"
#include "image.gen.hh"
#include "u0/console.hh"

namespace u0
{
namespace
{

constexpr std::size_t most_regions = 32;
constexpr std::uint64_t highest_address = std::uint64_t{1} << 40;  // 1 TiB: more is not for a unikernel

U0_SEALED_DATA BootInfo info{.image_name = image::name};
Region regions[most_regions];
std::size_t region_count = 0;

U0_INIT_TEXT void add_region(std::uint64_t begin, std::uint64_t size)
{
    // Page 0 stays out of everybody's hands: it is the null pointer's.
    std::uint64_t end = begin + size;
    if (end < begin || end > highest_address)
        end = highest_address;
    begin = begin < page_size ? page_size : (begin + page_size - 1) & ~(page_size - 1);
    end &= ~(page_size - 1);
    if (begin >= end || region_count == most_regions)
        return;
    regions[region_count++] = {begin, end};
    info.memory_bytes += end - begin;
}

/// Multiboot specification 0.6.96, section 3.3.
struct [[gnu::packed]] MultibootInfo {
    std::uint32_t flags, memory_lower, memory_upper, boot_device, command_line;
    std::uint32_t modules_count, modules_address, symbols[4];
    std::uint32_t map_length, map_address;
};
struct [[gnu::packed]] MultibootRegion {
    std::uint32_t size;  // of what follows
    std::uint64_t address, length;
    std::uint32_t type;
};

U0_INIT_TEXT void read_multiboot(const MultibootInfo& multiboot)
{
    if (multiboot.flags & 1u << 2)
        cmdline::set(reinterpret_cast<const char*>(std::uintptr_t{multiboot.command_line}));
    if (!(multiboot.flags & 1u << 6))
        panic("the loader gave no memory map");
    for (std::uint32_t at = 0; at < multiboot.map_length;) {
        const auto& entry =
            *reinterpret_cast<const MultibootRegion*>(std::uintptr_t{multiboot.map_address} + at);
        if (entry.type == 1)
            add_region(entry.address, entry.length);
        at += entry.size + 4;
    }
}

/// Xen public/arch-x86/hvm/start_info.h
struct PvhInfo {
    std::uint32_t magic, version, flags, modules_count;
    std::uint64_t modules, command_line, rsdp;
    std::uint64_t map;  // from version 1 on
    std::uint32_t map_entries, reserved;
};
struct PvhRegion {
    std::uint64_t address, size;
    std::uint32_t type, reserved;
};

U0_INIT_TEXT void read_pvh(const PvhInfo& pvh)
{
    if (pvh.magic != 0x336ec578)
        panic("unknown boot protocol (PVH magic {x})", pvh.magic);
    if (pvh.version < 1)
        panic("the loader gave no memory map (PVH version 0)");
    if (pvh.command_line)
        cmdline::set(reinterpret_cast<const char*>(pvh.command_line));
    info.acpi_rsdp = pvh.rsdp;
    const auto* map = reinterpret_cast<const PvhRegion*>(pvh.map);
    for (std::uint32_t i = 0; i < pvh.map_entries; ++i)
        if (map[i].type == 1)
            add_region(map[i].address, map[i].size);
}

}  // namespace

U0_INIT_TEXT std::span<const Region> read_bootinfo(BootProtocol protocol, const void* information)
{
    info.protocol = protocol;
    if (protocol == BootProtocol::multiboot1)
        read_multiboot(*static_cast<const MultibootInfo*>(information));
    else
        read_pvh(*static_cast<const PvhInfo*>(information));
    return {regions, region_count};
}

const BootInfo& bootinfo()
{
    return info;
}

}  // namespace u0
