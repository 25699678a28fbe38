// SPDX-License-Identifier: Apache-2.0
#pragma once
#pragma GCC system_header  // lwIP's macros do not pass -Wconversion

#include <lwip/dns.h>
#include <lwip/ip.h>
#include <lwip/pbuf.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>
