// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace u0
{

/// After paging::init(): makes the table of the heap's pages.
void heap_init();

}  // namespace u0
