// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "u0/bootinfo.hh"

namespace u0
{

/// A range of usable RAM, physical bytes.
struct Region {
    std::uint64_t begin, end;
};

/// Reads what the loader left at `information` (physical, identity-mapped) and copies all that is needed:
/// the loader's memory is free afterwards.  Returns the usable regions, page-aligned.
std::span<const Region> read_bootinfo(BootProtocol protocol, const void* information);

namespace cmdline
{
void set(const char* text);  ///< copies; drops the kernel's path in front; panics when too long
}

}  // namespace u0
