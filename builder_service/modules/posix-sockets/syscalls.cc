// SPDX-License-Identifier: Apache-2.0
//
// The socket system calls: their arguments decoded, for the socket behind the descriptor.
#include <climits>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "tcp_socket.hh"
#include "u0/posix_time.hh"
#include "u0/syscall.hh"
#include "udp_socket.hh"

namespace u0::posix_sockets
{
namespace
{

/// The socket behind a descriptor, or why there is none.
struct Found {
    FileRef file;
    long error = 0;
    Socket* operator->() const { return static_cast<Socket*>(file.get()); }
};

Found find(int fd)
{
    Found found{descriptors::get(fd)};
    if (!found.file)
        found.error = -EBADF;
    else if (found.file->kind() != File::Kind::socket)
        found.error = -ENOTSOCK;
    return found;
}

Transfer transfer(const Found& socket, int flags)
{
    return {.nonblocking = socket->nonblocking() || (flags & MSG_DONTWAIT) != 0,
            .peek = (flags & MSG_PEEK) != 0,
            .wait_all = (flags & MSG_WAITALL) != 0};
}

long add(FileRef file, int flags)
{
    file->status = O_RDWR | (flags & O_NONBLOCK);
    return descriptors::add(std::move(file), (flags & SOCK_CLOEXEC) != 0);
}

long send_message(const Found& socket, const msghdr& message, int flags)
{
    if (message.msg_iovlen > IOV_MAX)
        return -EMSGSIZE;
    Endpoint to;
    Transfer how = transfer(socket, flags);
    if (message.msg_name) {
        if (long error = read_address(message.msg_name, message.msg_namelen, to))
            return error;
        how.peer = &to;
    }
    if ((flags & MSG_OOB) != 0)
        return -EOPNOTSUPP;
    Buffers from(message.msg_iov, message.msg_iovlen);
    return socket->send(from, how);
}

long receive_message(const Found& socket, msghdr& message, int flags)
{
    if (message.msg_iovlen > IOV_MAX)
        return -EMSGSIZE;
    if ((flags & MSG_OOB) != 0)
        return -EINVAL;
    Endpoint from;
    Transfer how = transfer(socket, flags);
    how.peer = &from;
    Buffers to(message.msg_iov, message.msg_iovlen);
    long n = socket->receive(to, how);
    if (n < 0)
        return n;
    write_address(from, message.msg_name, &message.msg_namelen);
    message.msg_controllen = 0;
    message.msg_flags = how.truncated ? MSG_TRUNC : 0;
    return how.truncated && (flags & MSG_TRUNC) != 0 ? static_cast<long>(how.length) : n;
}

long accept_on(const SyscallArgs& args, int flags)
{
    Found listener = find(args.integer(0));
    if (listener.error != 0)
        return listener.error;
    if ((flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != 0)
        return -EINVAL;
    FileRef connection;
    Endpoint peer;
    if (long error = listener->accept(listener->nonblocking(), connection, peer))
        return error;
    write_address(peer, args.pointer<void>(1), args.pointer<std::uint32_t>(2));
    return add(std::move(connection), flags);
}

}  // namespace

long sys_socket(const SyscallArgs& args)
{
    int family = args.integer(0), protocol = args.integer(2);
    int type = args.integer(1) & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (family != AF_INET)
        return -EAFNOSUPPORT;
    if (type != SOCK_STREAM && type != SOCK_DGRAM)
        return -ESOCKTNOSUPPORT;
    int usual = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    if (protocol != 0 && protocol != usual)
        return -EPROTONOSUPPORT;
    FileRef file = type == SOCK_STREAM ? TcpSocket::create() : UdpSocket::create();
    return file ? add(std::move(file), args.integer(1)) : -ENOBUFS;
}

long sys_socketpair(const SyscallArgs&)
{
    return -EOPNOTSUPP;
}

long sys_bind(const SyscallArgs& args)
{
    Found socket = find(args.integer(0));
    Endpoint local;
    if (socket.error != 0)
        return socket.error;
    if (long error = read_address(args.pointer<void>(1), args[2], local))
        return error;
    return socket->bind(local);
}

long sys_connect(const SyscallArgs& args)
{
    Found socket = find(args.integer(0));
    Endpoint peer;
    if (socket.error != 0)
        return socket.error;
    if (long error = read_address(args.pointer<void>(1), args[2], peer, true))
        return error;
    return socket->connect(peer, socket->nonblocking());
}

long sys_listen(const SyscallArgs& args)
{
    Found socket = find(args.integer(0));
    return socket.error != 0 ? socket.error : socket->listen(args.integer(1));
}

long sys_accept(const SyscallArgs& args)
{
    return accept_on(args, 0);
}
long sys_accept4(const SyscallArgs& args)
{
    return accept_on(args, args.integer(3));
}

long sys_sendto(const SyscallArgs& args)
{
    Found socket = find(args.integer(0));
    if (socket.error != 0)
        return socket.error;
    iovec piece{args.pointer<void>(1), args[2]};
    msghdr message{};
    message.msg_name = args.pointer<void>(4);
    message.msg_namelen = static_cast<socklen_t>(args[5]);
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    return send_message(socket, message, args.integer(3));
}

long sys_recvfrom(const SyscallArgs& args)
{
    Found socket = find(args.integer(0));
    if (socket.error != 0)
        return socket.error;
    auto* length = args.pointer<socklen_t>(5);
    iovec piece{args.pointer<void>(1), args[2]};
    msghdr message{};
    message.msg_name = args.pointer<void>(4);
    message.msg_namelen = length ? *length : 0;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    long n = receive_message(socket, message, args.integer(3));
    if (n >= 0 && length)
        *length = message.msg_namelen;
    return n;
}

long sys_sendmsg(const SyscallArgs& args)
{
    Found socket = find(args.integer(0));
    return socket.error != 0 ? socket.error
                             : send_message(socket, *args.pointer<const msghdr>(1), args.integer(2));
}

long sys_recvmsg(const SyscallArgs& args)
{
    Found socket = find(args.integer(0));
    return socket.error != 0 ? socket.error
                             : receive_message(socket, *args.pointer<msghdr>(1), args.integer(2));
}

long sys_sendmmsg(const SyscallArgs& args)
{
    Found socket = find(args.integer(0));
    if (socket.error != 0)
        return socket.error;
    auto* messages = args.pointer<mmsghdr>(1);
    auto count = static_cast<unsigned>(args[2]);
    for (unsigned i = 0; i < count; ++i) {
        long n = send_message(socket, messages[i].msg_hdr, args.integer(3));
        if (n < 0)
            return i > 0 ? static_cast<long>(i) : n;
        messages[i].msg_len = static_cast<unsigned>(n);
    }
    return count;
}

/// The time limit is not looked at: Linux checks it only after each datagram, and so nobody can rely on it.
long sys_recvmmsg(const SyscallArgs& args)
{
    Found socket = find(args.integer(0));
    if (socket.error != 0)
        return socket.error;
    auto* messages = args.pointer<mmsghdr>(1);
    auto count = static_cast<unsigned>(args[2]);
    int flags = args.integer(3);
    for (unsigned i = 0; i < count; ++i) {
        long n = receive_message(socket, messages[i].msg_hdr, flags);
        if (n < 0)
            return i > 0 ? static_cast<long>(i) : n;
        messages[i].msg_len = static_cast<unsigned>(n);
        if ((flags & MSG_WAITFORONE) != 0)
            flags |= MSG_DONTWAIT;
    }
    return count;
}

long sys_shutdown(const SyscallArgs& args)
{
    Found socket = find(args.integer(0));
    if (socket.error != 0)
        return socket.error;
    int how = args.integer(1);
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
        return -EINVAL;
    return socket->shut_down(how != SHUT_WR, how != SHUT_RD);
}

long sys_getsockname(const SyscallArgs& args)
{
    Found socket = find(args.integer(0));
    Endpoint local;
    if (socket.error != 0)
        return socket.error;
    long error = socket->local(local);
    if (error == 0)
        write_address(local, args.pointer<void>(1), args.pointer<std::uint32_t>(2));
    return error;
}

long sys_getpeername(const SyscallArgs& args)
{
    Found socket = find(args.integer(0));
    Endpoint peer;
    if (socket.error != 0)
        return socket.error;
    long error = socket->peer(peer);
    if (error == 0)
        write_address(peer, args.pointer<void>(1), args.pointer<std::uint32_t>(2));
    return error;
}

long sys_setsockopt(const SyscallArgs& args)
{
    Found socket = find(args.integer(0));
    int level = args.integer(1), name = args.integer(2);
    if (socket.error != 0)
        return socket.error;
    if (level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO)) {
        if (args[4] < sizeof(timeval))
            return -EINVAL;
        const timeval& value = *args.pointer<const timeval>(3);
        timespec span{value.tv_sec, value.tv_usec * 1000};
        if (!valid(span))
            return -EDOM;
        (name == SO_RCVTIMEO ? socket->receive_timeout : socket->send_timeout) = to_ns(span);
        return 0;
    }
    if (level == SOL_SOCKET && name == SO_LINGER) {
        if (args[4] < sizeof(linger))
            return -EINVAL;
        const linger& value = *args.pointer<const linger>(3);
        socket->linger_reset = value.l_onoff != 0 && value.l_linger == 0;
        return 0;
    }
    if (args[4] < sizeof(int))
        return -EINVAL;
    return socket->set_option(level, name, *args.pointer<const int>(3));
}

long sys_getsockopt(const SyscallArgs& args)
{
    Found socket = find(args.integer(0));
    int level = args.integer(1), name = args.integer(2);
    auto* length = args.pointer<socklen_t>(4);
    if (socket.error != 0)
        return socket.error;
    if (level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO)) {
        if (*length < sizeof(timeval))
            return -EINVAL;
        timespec span = to_timespec(name == SO_RCVTIMEO ? socket->receive_timeout : socket->send_timeout);
        *args.pointer<timeval>(3) = {span.tv_sec, span.tv_nsec / 1000};
        *length = sizeof(timeval);
        return 0;
    }
    if (level == SOL_SOCKET && name == SO_LINGER) {
        if (*length < sizeof(linger))
            return -EINVAL;
        *args.pointer<linger>(3) = {.l_onoff = socket->linger_reset, .l_linger = 0};
        *length = sizeof(linger);
        return 0;
    }
    int value = 0;
    if (*length < sizeof value)
        return -EINVAL;
    if (long error = socket->get_option(level, name, value))
        return error;
    *args.pointer<int>(3) = value;
    *length = sizeof value;
    return 0;
}

}  // namespace u0::posix_sockets
