// SPDX-License-Identifier: Apache-2.0
//
// /etc/resolv.conf for the C library's resolver: the name server that the network's modules found.
#include <array>
#include <string_view>

#include "lwip_api.hh"
#include "u0/console.hh"
#include "u0/named_files.hh"

namespace u0::posix_sockets
{

/// Point `file.open`: DHCP may find the server at any time.
void write_resolver_file(const char* path)
{
    constexpr std::string_view name = "/etc/resolv.conf";
    static std::array<char, 64> text;
    const std::uint32_t server = ip_addr_get_ip4_u32(dns_getserver(0));
    if (path != name || server == 0)
        return;
    const std::size_t length = format(text.data(), text.size(), "nameserver {}.{}.{}.{}\n", server & 0xff,
                                      server >> 8 & 0xff, server >> 16 & 0xff, server >> 24);
    named_files::set_text(name, {text.data(), length});
}

}  // namespace u0::posix_sockets
