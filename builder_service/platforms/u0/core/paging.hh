// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "boot.hh"
#include "u0/memory.hh"

/// Page tables (Intel SDM volume 3, section 4.5) and who may do what.
namespace u0::paging
{

using Entry = std::uint64_t;
inline constexpr Entry present = 1, writable = 2, write_through = 8, uncached = 16, large = 128;
inline constexpr Entry never_executable = Entry{1} << 63;
inline constexpr Entry address_mask = 0x000ffffffffff000;
// Bits the processor ignores in an absent entry: what the arena means by it (see arena.cc).
inline constexpr Entry later_on_demand = 1 << 8;  ///< no access yet; on_demand once it has some
inline constexpr Entry reserved = 1 << 9;         ///< addresses are taken
inline constexpr Entry on_demand = 1 << 10;       ///< a page comes at the first touch
inline constexpr Entry keeps_page = 1 << 11;      ///< absent, but the page in address_mask is kept

/// The part of the address space that the boot tables of entry.S map.
inline constexpr std::uint64_t boot_mapped = 1 << 30;

/// Addresses at which the regions of the address space begin; the first two are moved at each boot.
inline constexpr std::uint64_t direct_region = 0x0000'1000'0000'0000, arena_region = 0x0000'2000'0000'0000,
                               device_region = 0x0000'3000'0000'0000;

/// Builds the final tables and switches to them.  `seed` moves the regions.
void init(std::span<const Region> regions, std::uint64_t seed);

/// After boot: frees what only booting needed, makes sealed data read-only.  No return to boot code.
void seal();

/// Where physical address 0 would be in the direct map, and its size in bytes.  While the boot tables are in
/// use: identity.
using memory::state::direct_base;
using memory::state::direct_size;

/// Where a physical address of RAM is mapped.
inline void* direct(std::uint64_t physical)
{
    return reinterpret_cast<void*>(direct_base + physical);
}
/// Physical address of an address in the direct map.
inline std::uint64_t direct_offset(const void* address)
{
    return reinterpret_cast<std::uint64_t>(address) - direct_base;
}
/// Whether an address lies in the direct map's range.
inline bool is_direct(const void* address)
{
    return direct_offset(address) < direct_size;
}

std::uint64_t arena_begin();

/// The entry of a 4 KiB page; nullptr when a table is missing and `create` is false or memory is short,
/// or when a 2 MiB page is there.
Entry* entry(std::uint64_t address, bool create);

/// First address at or after `address` whose 2 MiB area has a table, or `limit`: skips what is empty.
std::uint64_t next_mapped_area(std::uint64_t address, std::uint64_t limit);

void flush(std::uint64_t address);  ///< forgets the processor's copy of an entry
void flush_all();

/// While one of these lives the processor ignores read-only: to write page tables, which are that.
class WriteWindow
{
public:
    WriteWindow();
    ~WriteWindow();
    WriteWindow(const WriteWindow&) = delete;
    WriteWindow& operator=(const WriteWindow&) = delete;

private:
    std::uint64_t cr0_;
};

}  // namespace u0::paging
