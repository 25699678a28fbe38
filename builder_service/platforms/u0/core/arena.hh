// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "u0/types.hh"

namespace u0::arena
{

/// For the page fault handler: if the address is a page of the arena that comes on demand, gives it memory
/// and returns true.  Panics when there is none left.
bool touch(std::uint64_t address, bool write);

}  // namespace u0::arena
