// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace u0
{

/// Off at once, without telling anyone; halts for ever where nobody knows how to switch off.
[[noreturn]] void power_off();

}  // namespace u0
