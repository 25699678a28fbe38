// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace u0::net
{

/// Whether memory may be taken for what came in. Peers send it again, so it gives way to all else.
bool room_for_input();

}  // namespace u0::net
