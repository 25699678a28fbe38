// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "endpoint.hh"
#include "u0/file.hh"

namespace u0::posix_sockets
{

/// What a call on a socket may say beyond the file's own settings.
struct Transfer {
    bool nonblocking = false;
    bool peek = false;         ///< MSG_PEEK
    bool wait_all = false;     ///< MSG_WAITALL
    Endpoint* peer = nullptr;  ///< datagrams: from whom (out), or to whom (in)
    bool truncated = false;    ///< out: a datagram was longer than the room for it
    std::size_t length = 0;    ///< out: full length of the datagram
};

/// The operations of a socket, errors as negative errno values; TcpSocket and UdpSocket serve them.
class Socket : public File
{
public:
    virtual long bind(const Endpoint& local) = 0;
    virtual long connect(const Endpoint& peer, bool nonblocking) = 0;
    virtual long listen(int backlog) = 0;
    /// The next connection that came in; its peer in `peer`.
    virtual long accept(bool nonblocking, FileRef& connection, Endpoint& peer) = 0;
    virtual long send(Buffers& from, Transfer& how) = 0;
    virtual long receive(Buffers& to, Transfer& how) = 0;
    virtual long shut_down(bool reading, bool writing) = 0;
    virtual long local(Endpoint& out) = 0;
    virtual long peer(Endpoint& out) = 0;

    /// setsockopt and getsockopt for options with an integer value; -ENOPROTOOPT for unknown ones.
    virtual long set_option(int level, int name, int value);
    virtual long get_option(int level, int name, int& value);

    /// Bytes that the next receive could return, for FIONREAD.
    virtual std::size_t available() const = 0;

    long read(Buffers& to, bool nonblocking) final;
    long write(Buffers& from, bool nonblocking) final;
    long control(unsigned long request, void* argument) final;
    Kind kind() const final { return Kind::socket; }
    mode_t mode() const final { return S_IFSOCK | 0777; }

    Nanoseconds receive_timeout = 0, send_timeout = 0;  ///< 0: none
    bool linger_reset = false;                          ///< SO_LINGER with time 0: close resets

protected:
    /// Blocks for `events`; 0, or -EAGAIN at once (non-blocking) or when `timeout` is over.
    long wait_for(std::uint32_t events, bool nonblocking, Nanoseconds timeout);

    bool reuse_address_ = false, broadcast_ = false, keep_alive_ = false;
};

}  // namespace u0::posix_sockets
