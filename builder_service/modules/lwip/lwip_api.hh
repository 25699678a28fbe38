// SPDX-License-Identifier: Apache-2.0
#pragma once
#pragma GCC system_header  // lwIP's macros do not pass -Wconversion

#include <lwip/dns.h>
#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/sys.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>

#include "u0_lwip_hooks.h"
