/* SPDX-License-Identifier: Apache-2.0
 *
 * lwIP as u0 uses it.  Not settable per image: several modules see these headers, and an option of one module
 * must not recompile another.  What can be set is enforced in limits.cc. */
#ifndef U0_LWIPOPTS_H
#define U0_LWIPOPTS_H

/* One thread, raw API, no interrupts. */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_TIMERS 1

/* Everything comes from the kernel heap when it is needed. */
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define MEM_ALIGNMENT 8
#define mem_clib_malloc u0_lwip_malloc
#define mem_clib_calloc u0_lwip_calloc
#define mem_clib_free u0_lwip_free

#define LWIP_IPV4 1
#define LWIP_IPV6 0
#define LWIP_ICMP 1
#define LWIP_RAW 0
#define LWIP_IGMP 0
#define LWIP_AUTOIP 0
#define LWIP_UDP 1
#define LWIP_DNS 1
#define DNS_MAX_SERVERS 1
#define LWIP_STATS 0
#define LWIP_NETIF_HOSTNAME 1
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_NETIF_LOOPBACK 1 /* 127.0.0.1, and our own addresses */
#define LWIP_LOOPBACK_MAX_PBUFS 256

/* The module `dhcp` compiles lwIP's client for itself; the others do not know of it.  Its place in struct
 * netif exists either way, and its port is open to it before there is an address. */
#ifdef U0_LWIP_DHCP
#define LWIP_DHCP 1
#define LWIP_NUM_NETIF_CLIENT_DATA 0
#else
#define LWIP_DHCP 0
#define LWIP_NUM_NETIF_CLIENT_DATA 1
#define LWIP_IP_ACCEPT_UDP_PORT(port) ((port) == PP_HTONS(68))
#endif
#define DHCP_DOES_ARP_CHECK 0 /* it would cost a second */
#define LWIP_DHCP_MAX_DNS_SERVERS 1

#define PBUF_LINK_ENCAPSULATION_HLEN 12 /* network_device::driver_room */
#define ARP_TABLE_SIZE 64
#define ARP_QUEUEING 1
#define ARP_QUEUE_LEN 8
#define IP_REASSEMBLY 1
#define IP_REASS_MAX_PBUFS 32
#define IP_FRAG 1

#define LWIP_TCP 1
#define TCP_MSS 1460
#define TCP_WND (44 * TCP_MSS)
#define TCP_SND_BUF (44 * TCP_MSS)
#define TCP_SND_QUEUELEN 200
#define TCP_LISTEN_BACKLOG                                                                                   \
    0 /* lwIP's counts to 255; whoever listens bounds what is half open or not accepted */
#define LWIP_TCP_PCB_NUM_EXT_ARGS 3 /* of connections.cc, and two of posix-sockets */
#define TCP_MSL 1000                /* ms; RFC 9293's two minutes would keep closed connections for four */
#define TCP_OOSEQ_MAX_PBUFS(pcb) 44
#define LWIP_TCP_KEEPALIVE 1
#define SO_REUSE 1
#define LWIP_RANDOMIZE_INITIAL_LOCAL_PORTS 1

/* What the card does is not done again; what it does not is verified in software (interface.cc). */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_CHKSUM u0_lwip_checksum
#define LWIP_CHECKSUM_ON_COPY 0

#define LWIP_NOASSERT 1
#define LWIP_HOOK_FILENAME "u0_lwip_hooks.h"

#endif
