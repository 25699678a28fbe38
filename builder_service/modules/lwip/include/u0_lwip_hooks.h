/* SPDX-License-Identifier: Apache-2.0 */
#ifndef U0_LWIP_HOOKS_H
#define U0_LWIP_HOOKS_H

#include "lwip/arch.h"
#include "lwip/err.h"

struct netif;
struct pbuf;
struct tcp_pcb;
struct tcp_hdr;

#ifdef __cplusplus
extern "C" {
#endif

/* connections.cc: the active connection of a segment, or NULL: lwIP searches. Addresses in network byte order. */
struct tcp_pcb* u0_lwip_find_connection(const struct tcp_hdr* header, u32_t remote, u32_t local);
/* limits.cc: before a connection or a listening socket gets its segment. */
err_t u0_lwip_before_segment(struct tcp_pcb* pcb, const struct tcp_hdr* header);
/* limits.cc: initial sequence numbers nobody can guess (RFC 6528). */
u32_t u0_lwip_initial_sequence(u32_t local, u16_t local_port, u32_t remote, u16_t remote_port);
/* interface.cc: drops packets from a wire that claim a loopback address; 1 when it did. */
int u0_lwip_drop_martian(struct pbuf* packet);

#ifdef __cplusplus
}
#endif

#define LWIP_HOOK_IP4_INPUT(packet, interface) u0_lwip_drop_martian(packet)
#define LWIP_HOOK_TCP_LOOKUP(header, remote, local) u0_lwip_find_connection(header, (remote)->addr, (local)->addr)
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, header, length, length1, options2, packet)                                 \
    u0_lwip_before_segment(pcb, header)
#define LWIP_HOOK_TCP_ISN(local, local_port, remote, remote_port)                                                  \
    u0_lwip_initial_sequence((local)->addr, local_port, (remote)->addr, remote_port)

#endif
