// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace u0
{

/// Reads `idle=halt` from the command line: never wait awake.  After read_bootinfo().
void idle_init();

}  // namespace u0
