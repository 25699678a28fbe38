// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "u0/types.hh"

struct netif;  // lwIP's

/// TCP/IP by lwIP, NO_SYS=1: its raw API (lwip/tcp.h, lwip/udp.h, lwip/dns.h) is called directly by whoever
/// requires this module, from anywhere but interrupts.  Its callbacks run inside u0::poll() (incoming
/// packets, timers).  Nothing here needs to be called for progress: the module implements `idle.poll` and
/// `idle.deadline`; packets queued by tcp_output() leave at the latest with the next poll() or idle().
namespace u0::net
{

/// The network card's interface, or nullptr when there is none.
netif* interface();

/// For address modules (static-ip, dhcp): sets the address, prints "u0: net <address>/<prefix>".
/// Network byte order; gateway and dns may be 0.
void configure(std::uint32_t address, unsigned prefix, std::uint32_t gateway, std::uint32_t dns);

/// What was written since the last round (point `network.output`) leaves now instead of with the next poll().
void send_written();

/// Lowers the interface's MTU (68..9000, and at most what the card was made for).
void set_mtu(unsigned bytes);

}  // namespace u0::net
