// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <linux/in.h>

#include "lwip_api.hh"

namespace u0::posix_sockets
{

/// An IPv4 address and port; the port in host byte order, the address as lwIP holds it.
struct Endpoint {
    ip_addr_t address{};
    std::uint16_t port = 0;
};

/// Reads a sockaddr_in; 0, or -EINVAL (too short) or -EAFNOSUPPORT. AF_UNSPEC is reported as port 0 and the
/// address 0.0.0.0 if `unspecified` allows it (connect(2) dissolves an association by it).
long read_address(const void* address, std::uint64_t length, Endpoint& out, bool unspecified = false);

/// Stores a sockaddr_in as far as `*length` has room, and its full length (accept(2)); both may be null.
void write_address(const Endpoint& from, void* address, std::uint32_t* length);

/// Negative errno for an error of lwIP.
long to_errno(err_t error);

}  // namespace u0::posix_sockets
