// SPDX-License-Identifier: Apache-2.0
#pragma once

struct tcp_pcb;

namespace u0::net
{

/// After lwip_init().
void connections_init();

/// An active connection that lwIP found by its list: it is found by the table from now on.
void remember_connection(tcp_pcb* connection);

}  // namespace u0::net
