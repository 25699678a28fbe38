// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace u0
{

/// Orderly end: prints "u0: exit <status>", runs the point `shutdown`, powers the machine off.
[[noreturn]] void shutdown(int status);

/// The power button: prints "u0: power button", then as shutdown().
[[noreturn]] void shutdown_by_button();

/// Resets the machine (reboot): runs the point `shutdown` first.
[[noreturn]] void reset();

}  // namespace u0
