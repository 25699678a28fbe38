// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lwip_api.hh"

/// A bound on connections whose handshake is not complete: a flood of SYNs costs the oldest of them, and
/// neither memory nor connections in use.
namespace u0::posix_sockets::half_open
{

/// Watches the handshakes of a listening control block.
void guard(tcp_pcb* listener);

/// The handshake of a connection is complete.
void completed(tcp_pcb* connection);

}  // namespace u0::posix_sockets::half_open
