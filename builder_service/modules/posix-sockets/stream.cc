// SPDX-License-Identifier: Apache-2.0
//
// What a filter may do with a stream. None of these calls a hook.
#include "u0/stream.hh"

#include "tcp_socket.hh"
#include "u0/posix_time.hh"

namespace u0
{
namespace
{

using posix_sockets::TcpSocket;

constexpr u8_t linger_poll = 2;  ///< lwIP's ticks of 500 ms
constexpr Nanoseconds linger_time = 5 * ns_per_second;

TcpSocket& socket_of(Stream& stream)
{
    return static_cast<TcpSocket&>(stream);
}
const TcpSocket& socket_of(const Stream& stream)
{
    return static_cast<const TcpSocket&>(stream);
}

}  // namespace

std::uint64_t Stream::id() const
{
    return socket_of(*this).id_;
}
std::uint16_t Stream::local_port() const
{
    return socket_of(*this).local_.port;
}
std::size_t Stream::held() const
{
    return socket_of(*this).held_.size();
}
bool Stream::peer_closed() const
{
    return socket_of(*this).peer_closed_;
}

std::span<unsigned char> Stream::front(std::size_t n)
{
    return socket_of(*this).held_.front(n);
}

void Stream::drop(std::size_t n)
{
    TcpSocket& socket = socket_of(*this);
    socket.held_.drop(n);
    if (socket.pcb_)
        tcp_recved(socket.pcb_, static_cast<u16_t>(n));
}

void Stream::pass(std::size_t n)
{
    TcpSocket& socket = socket_of(*this);
    if (socket.finished_ || n == 0)
        return;
    if (!socket.held_.move(n, socket.readable_)) {
        abort();  // a byte that is neither held nor passed must not be lost in silence
        return;
    }
    socket.notify(EPOLLIN);
}

bool Stream::send(std::span<const unsigned char> bytes)
{
    TcpSocket& socket = socket_of(*this);
    if (!socket.pcb_ || socket.write_shut_ || bytes.size() > tcp_sndbuf(socket.pcb_))
        return false;
    return bytes.empty() || socket.write_to_pcb(bytes.data(), bytes.size()) > 0;
}

void Stream::finish()
{
    TcpSocket& socket = socket_of(*this);
    if (socket.finished_ || !socket.pcb_)
        return;
    drop(held());
    socket.finished_ = true;
    socket.write_shut_ = true;
    tcp_shutdown(socket.pcb_, 0, 1);
    if (!socket.peer_closed_) {
        socket.lingering_ = true;
        socket.linger_until_ = after(linger_time);
        socket.retain();
        tcp_poll(socket.pcb_, &TcpSocket::on_poll, linger_poll);
    }
    socket.notify(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
}

void Stream::abort()
{
    TcpSocket& socket = socket_of(*this);
    tcp_pcb* pcb = socket.detach();
    if (!pcb)
        return;
    socket.finished_ = true;
    socket.end_linger();
    tcp_abort(pcb);
    socket.notify(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
}

namespace posix_sockets
{

err_t TcpSocket::on_poll(void* argument, tcp_pcb*)
{
    auto* self = static_cast<TcpSocket*>(argument);
    if (!self->lingering_ || monotonic_ns() < self->linger_until_)
        return ERR_OK;
    FileRef alive(self);
    static_cast<Stream*>(self)->abort();
    return ERR_ABRT;
}

/// The last word is said: lets go of the reference that kept the socket alive without the application.
void TcpSocket::end_linger()
{
    if (std::exchange(lingering_, false))
        release();
}

}  // namespace posix_sockets
}  // namespace u0
