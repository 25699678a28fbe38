// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "boot.hh"

/// Physical pages: one bit each.  Page tables come from the bottom of memory (whose direct map has 4 KiB
/// granularity, so that a table can be read-only), everything else from the top.
namespace u0::physical
{

inline constexpr std::uint64_t none = 0;  ///< "no page": page 0 is never given out

/// Takes the regions except the image's own pages; `low_limit` of page tables follows from their size.
void init(std::span<const Region> regions);

/// Once the direct map stands: the bitmap is used through it.
void use_direct_map();

std::uint64_t allocate();                   ///< one page from the top, or none
std::uint64_t allocate_table();             ///< one page below low_limit(), or none
std::uint64_t allocate_run(std::size_t n);  ///< n pages that follow each other, or none
void release(std::uint64_t page);
bool is_free(std::uint64_t page);

std::uint64_t low_limit();  ///< page tables lie below this address; a multiple of 2 MiB
std::uint64_t top();        ///< end of the highest region

}  // namespace u0::physical
