// SPDX-License-Identifier: Apache-2.0
#include "u0/acpi.hh"

#include "u0/bootinfo.hh"
#include "u0/memory.hh"

namespace u0::acpi
{
namespace
{

constexpr std::uint32_t longest_table = 1 << 20;

struct [[gnu::packed]] Rsdp {
    char signature[8];
    std::uint8_t checksum;
    char oem[6];
    std::uint8_t revision;
    std::uint32_t rsdt;
    std::uint32_t length;
    std::uint64_t xsdt;
};

/// What was looked up before; the tables are mapped once.
U0_SEALED_DATA const Header* root = nullptr;
U0_SEALED_DATA bool searched = false;

U0_INIT_TEXT bool sums_to_zero(const void* bytes, std::size_t size)
{
    unsigned sum = 0;
    for (std::size_t i = 0; i < size; ++i)
        sum += static_cast<const std::uint8_t*>(bytes)[i];
    return (sum & 0xff) == 0;
}

U0_INIT_TEXT bool is_rsdp(const Rsdp* candidate)
{
    std::uint64_t signature = 0;
    __builtin_memcpy(&signature, candidate->signature, sizeof signature);
    return signature == 0x2052545020445352 /* "RSD PTR " */ && sums_to_zero(candidate, 20);
}

/// Where the loader said, or in the BIOS area (ACPI 6.5, section 5.2.5.1).
U0_INIT_TEXT const Rsdp* find_rsdp()
{
    if (const std::uint64_t place = bootinfo().acpi_rsdp) {
        const auto* rsdp = static_cast<const Rsdp*>(memory::map_physical(place, sizeof(Rsdp), false));
        return is_rsdp(rsdp) ? rsdp : nullptr;
    }
    constexpr std::uint64_t area = 0xe0000, area_size = 0x20000;
    const auto* bytes = static_cast<const char*>(memory::map_physical(area, area_size, false));
    for (std::size_t at = 0; at + sizeof(Rsdp) <= area_size; at += 16)
        if (is_rsdp(reinterpret_cast<const Rsdp*>(bytes + at)))
            return reinterpret_cast<const Rsdp*>(bytes + at);
    return nullptr;
}

}  // namespace

U0_INIT_TEXT const Header* map(std::uint64_t place)
{
    const auto* header = static_cast<const Header*>(memory::map_physical(place, sizeof(Header), false));
    const std::uint32_t length = header->length;
    if (length < sizeof(Header) || length > longest_table)
        return nullptr;
    const std::size_t mapped = page_size - place % page_size;
    if (length > mapped)
        header = static_cast<const Header*>(memory::map_physical(place, length, false));
    return sums_to_zero(header, length) ? header : nullptr;
}

U0_INIT_TEXT const Header* find(std::string_view signature)
{
    if (!searched) {
        searched = true;
        if (const Rsdp* rsdp = find_rsdp())
            root = map(rsdp->revision >= 2 && rsdp->xsdt ? rsdp->xsdt : rsdp->rsdt);
    }
    if (!root)
        return nullptr;
    const std::size_t entry_size = root->signature[0] == 'X' ? 8 : 4;  // "XSDT" or "RSDT"
    const auto* entries = reinterpret_cast<const char*>(root + 1);
    for (std::size_t at = 0; at + entry_size <= root->length - sizeof(Header); at += entry_size) {
        std::uint64_t place = 0;
        __builtin_memcpy(&place, entries + at, entry_size);
        const auto* name = static_cast<const char*>(memory::map_physical(place, 4, false));
        if (std::string_view(name, 4) == signature)
            return map(place);
    }
    return nullptr;
}

U0_INIT_TEXT const Fadt* fadt()
{
    const Header* header = find("FACP");
    return header && header->length >= sizeof(Fadt) ? reinterpret_cast<const Fadt*>(header) : nullptr;
}

}  // namespace u0::acpi
