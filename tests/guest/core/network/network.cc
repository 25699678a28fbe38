// SPDX-License-Identifier: Apache-2.0
#include "lwip_tcp.hh"
#include "u0/clock.hh"
#include "u0/console.hh"
#include "u0/net.hh"

namespace u0::network_test
{
namespace
{

constexpr Nanoseconds patience = 5'000'000'000;

template <typename Condition>
bool wait_until(Condition holds)
{
    const Nanoseconds until = monotonic_ns() + patience;
    while (!holds() && monotonic_ns() < until)
        idle(until);
    return holds();
}

// A connection to a port of the gateway where nobody listens: the answer, a reset, has gone through card and
// stack in both directions.
bool refused = false;
void on_error(void*, err_t error)
{
    refused = error == ERR_RST;
}
err_t on_connected(void*, tcp_pcb*, err_t)
{
    return ERR_OK;
}

}  // namespace

int run()
{
    if (!net::interface()) {
        log("no card");
        return 2;
    }
    if (!wait_until([] { return !ip4_addr_isany(netif_ip4_addr(net::interface())); })) {
        log("no address");
        return 3;
    }
    tcp_pcb* connection = tcp_new();
    tcp_err(connection, on_error);
    ip_addr_t gateway;
    IP_ADDR4(&gateway, 10, 0, 2, 2);
    tcp_connect(connection, &gateway, 1, on_connected);
    log("refused: {}", wait_until([] { return refused; }));
    return 0;
}

}  // namespace u0::network_test
