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
    const bool overtakes = socket.reported_ != 0;  // what the application wrote last, which found no memory
    if (!socket.pcb_ || socket.write_shut_ || overtakes || bytes.size() > tcp_sndbuf(socket.pcb_))
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
    socket.lingering_ = false;
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

/// The same for a connection whose socket the application has closed. The argument counts down, for there is
/// nothing else left to hold a time; data is discarded by lwIP, which also closes when the peer does.
err_t TcpSocket::on_orphan_poll(void* argument, tcp_pcb* pcb)
{
    const auto left = reinterpret_cast<std::uintptr_t>(argument);
    if (left == 0) {
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    tcp_arg(pcb, reinterpret_cast<void*>(left - 1));
    return ERR_OK;
}

/// Leaves a finished connection to lwIP until its peer has closed too, or a few seconds have passed.
void TcpSocket::linger_without_us(tcp_pcb* pcb)
{
    constexpr std::uintptr_t polls = linger_time / (linger_poll * ns_per_second / 2);
    tcp_arg(pcb, reinterpret_cast<void*>(polls));
    tcp_poll(pcb, &TcpSocket::on_orphan_poll, linger_poll);
}

}  // namespace posix_sockets
}  // namespace u0
