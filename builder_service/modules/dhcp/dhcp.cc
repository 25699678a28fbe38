// SPDX-License-Identifier: Apache-2.0
// Does not hold up the boot: the application starts, the address comes when it comes.
#define U0_LWIP_DHCP
#include "lwip_dhcp.hh"
#include "u0/cmdline.hh"
#include "u0/console.hh"
#include "u0/net.hh"

namespace u0::dhcp
{
namespace
{

/// lwIP's own table of timers does not know this client.
void fine_timer(void*)
{
    dhcp_fine_tmr();
    sys_timeout(DHCP_FINE_TIMER_MSECS, fine_timer, nullptr);
}

void coarse_timer(void*)
{
    dhcp_coarse_tmr();
    sys_timeout(DHCP_COARSE_TIMER_MSECS, coarse_timer, nullptr);
}

/// lwIP changed the interface: an address came, changed, or was lost.
void changed(netif* interface)
{
    static std::uint32_t known = 0;
    const std::uint32_t address = ip4_addr_get_u32(netif_ip4_addr(interface));
    if (address == known)
        return;
    known = address;
    if (address == 0) {
        log("net: the DHCP lease is over");
        return;
    }
    const std::uint32_t mask = lwip_ntohl(ip4_addr_get_u32(netif_ip4_netmask(interface)));
    const unsigned prefix = mask ? 32 - static_cast<unsigned>(__builtin_ctz(mask)) : 0;
    net::configure(address, prefix, ip4_addr_get_u32(netif_ip4_gw(interface)), 0);
}

}  // namespace

U0_INIT_TEXT void init()
{
    netif* const interface = net::interface();
    if (!interface || cmdline::value("net.ip"))
        return;
    netif_set_status_callback(interface, changed);
    if (dhcp_start(interface) != ERR_OK)
        panic("out of memory: DHCP does not start");
    fine_timer(nullptr);
    coarse_timer(nullptr);
    log("net: asking for an address by DHCP");
}

}  // namespace u0::dhcp
