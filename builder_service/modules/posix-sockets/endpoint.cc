// SPDX-License-Identifier: Apache-2.0
#include "endpoint.hh"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

namespace u0::posix_sockets
{
namespace
{

std::uint16_t swap(std::uint16_t value)
{
    return static_cast<std::uint16_t>(value >> 8 | value << 8);
}

}  // namespace

long read_address(const void* address, std::uint64_t length, Endpoint& out, bool unspecified)
{
    sockaddr_in in{};
    if (!address || length < sizeof in.sin_family)
        return -EINVAL;
    std::memcpy(&in, address, std::min<std::size_t>(length, sizeof in));
    if (in.sin_family == AF_UNSPEC && unspecified) {
        out = {};
        return 0;
    }
    if (in.sin_family != AF_INET)
        return -EAFNOSUPPORT;
    if (length < sizeof in)
        return -EINVAL;
    out.port = swap(in.sin_port);
    ip_addr_set_ip4_u32(&out.address, in.sin_addr.s_addr);
    return 0;
}

void write_address(const Endpoint& from, void* address, std::uint32_t* length)
{
    if (!address || !length)
        return;
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = swap(from.port);
    in.sin_addr.s_addr = ip_addr_get_ip4_u32(&from.address);
    std::memcpy(address, &in, std::min<std::size_t>(*length, sizeof in));
    *length = sizeof in;
}

long to_errno(err_t error)
{
    switch (error) {
    case ERR_OK:
        return 0;
    case ERR_MEM:
    case ERR_BUF:
        return -ENOBUFS;
    case ERR_TIMEOUT:
    case ERR_ABRT:
        return -ETIMEDOUT;
    case ERR_RTE:
        return -ENETUNREACH;
    case ERR_INPROGRESS:
    case ERR_WOULDBLOCK:
        return -EAGAIN;
    case ERR_USE:
        return -EADDRINUSE;
    case ERR_ALREADY:
        return -EALREADY;
    case ERR_ISCONN:
        return -EISCONN;
    case ERR_CONN:
        return -ENOTCONN;
    case ERR_IF:
        return -ENETDOWN;
    case ERR_RST:
    case ERR_CLSD:
        return -ECONNRESET;
    default:
        return -EINVAL;
    }
}

}  // namespace u0::posix_sockets
