// SPDX-License-Identifier: Apache-2.0
#include "socket.hh"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "u0/posix_time.hh"

namespace u0::posix_sockets
{

long Socket::read(Buffers& to, bool nonblocking)
{
    Transfer how{.nonblocking = nonblocking};
    return receive(to, how);
}

long Socket::write(Buffers& from, bool nonblocking)
{
    Transfer how{.nonblocking = nonblocking};
    return send(from, how);
}

long Socket::control(unsigned long request, void* argument)
{
    switch (request) {
    case FIONREAD:
        *static_cast<int*>(argument) = static_cast<int>(available());
        return 0;
    case SIOCATMARK:
        *static_cast<int*>(argument) = 0;
        return 0;
    default:
        return -ENOTTY;
    }
}

long Socket::wait_for(std::uint32_t events, bool nonblocking, Nanoseconds timeout)
{
    if (nonblocking)
        return -EAGAIN;
    return wait(events, timeout == 0 ? never : after(timeout)) ? 0 : -EAGAIN;
}

long Socket::set_option(int level, int name, int value)
{
    if (level != SOL_SOCKET)
        return -ENOPROTOOPT;
    switch (name) {
    case SO_REUSEADDR:
    case SO_REUSEPORT:
        reuse_address_ = value != 0;
        return 0;
    case SO_BROADCAST:
        broadcast_ = value != 0;
        return 0;
    case SO_KEEPALIVE:
        keep_alive_ = value != 0;
        return 0;
    case SO_SNDBUF:
    case SO_RCVBUF:
    case SO_PRIORITY:
    case SO_OOBINLINE:
    case SO_BUSY_POLL:
    case SO_INCOMING_CPU:
        return 0;  // sizes are fixed, and hints
    default:
        return -ENOPROTOOPT;
    }
}

long Socket::get_option(int level, int name, int& value)
{
    if (level != SOL_SOCKET)
        return -ENOPROTOOPT;
    switch (name) {
    case SO_REUSEADDR:
    case SO_REUSEPORT:
        value = reuse_address_;
        return 0;
    case SO_BROADCAST:
        value = broadcast_;
        return 0;
    case SO_KEEPALIVE:
        value = keep_alive_;
        return 0;
    case SO_SNDBUF:
        value = TCP_SND_BUF;
        return 0;
    case SO_RCVBUF:
        value = TCP_WND;
        return 0;
    case SO_DOMAIN:
        value = AF_INET;
        return 0;
    case SO_ERROR:
    case SO_PRIORITY:
    case SO_OOBINLINE:
        value = 0;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

}  // namespace u0::posix_sockets
