// SPDX-License-Identifier: Apache-2.0
#include "udp_socket.hh"

#include <algorithm>
#include <new>
#include <sys/socket.h>

#include "u0/memory.hh"

namespace u0::posix_sockets
{
namespace
{

constexpr std::size_t most_waiting = 128 * 1024;  ///< bytes; later datagrams are dropped, as UDP may
constexpr std::size_t overhead = 256;             ///< of these, for what else a datagram takes
constexpr std::size_t largest_datagram = 65507;   // RFC 768 over RFC 791

std::size_t cost(const pbuf& data)
{
    return data.tot_len + overhead;
}

}  // namespace

FileRef UdpSocket::create()
{
    udp_pcb* pcb = udp_new();
    if (!pcb)
        return {};
    FileRef socket(new UdpSocket(pcb));
    if (!socket)
        udp_remove(pcb);
    return socket;
}

UdpSocket::UdpSocket(udp_pcb* pcb) : pcb_(pcb)
{
    udp_recv(pcb, &UdpSocket::on_receive, this);
}

UdpSocket::~UdpSocket()
{
    udp_remove(pcb_);
    while (Datagram* datagram = waiting_.front())
        drop(*datagram);
}

void UdpSocket::drop(Datagram& datagram)
{
    waiting_.remove(datagram);
    waiting_bytes_ -= cost(*datagram.data);
    pbuf_free(datagram.data);
    datagram.~Datagram();
    kfree(&datagram);
}

void UdpSocket::on_receive(void* argument, udp_pcb*, pbuf* data, const ip_addr_t* address, u16_t port)
{
    auto* self = static_cast<UdpSocket*>(argument);
    void* block = self->waiting_bytes_ + cost(*data) > most_waiting || self->read_shut_
                      ? nullptr
                      : kalloc(sizeof(Datagram));
    if (!block) {
        pbuf_free(data);
        return;
    }
    auto* datagram = new (block) Datagram{.data = data, .from = {*address, port}, .link = {}};
    self->waiting_.push_back(*datagram);
    self->waiting_bytes_ += cost(*data);
    self->notify(EPOLLIN);
}

long UdpSocket::bind(const Endpoint& local)
{
    if (pcb_->local_port != 0)
        return -EINVAL;
    if (reuse_address_)
        ip_set_option(pcb_, SOF_REUSEADDR);
    err_t error = udp_bind(pcb_, &local.address, local.port);
    return error == ERR_VAL ? -EADDRNOTAVAIL : to_errno(error);
}

/// A peer of port 0 and address 0.0.0.0 dissolves the association.
long UdpSocket::connect(const Endpoint& peer, bool)
{
    udp_disconnect(pcb_);
    connected_ = false;
    if (peer.port == 0)
        return 0;
    long error = to_errno(udp_connect(pcb_, &peer.address, peer.port));
    connected_ = error == 0;
    return error;
}

long UdpSocket::send(Buffers& from, Transfer& how)
{
    if (write_shut_)
        return -EPIPE;
    if (!how.peer && !connected_)
        return -EDESTADDRREQ;
    std::size_t size = from.size();
    if (size > largest_datagram)
        return -EMSGSIZE;
    if (broadcast_)
        ip_set_option(pcb_, SOF_BROADCAST);
    pbuf* packet = pbuf_alloc(PBUF_TRANSPORT, static_cast<u16_t>(size), PBUF_RAM);
    if (!packet)
        return -ENOBUFS;
    from.take(packet->payload, size);
    err_t error =
        how.peer ? udp_sendto(pcb_, packet, &how.peer->address, how.peer->port) : udp_send(pcb_, packet);
    pbuf_free(packet);
    return error == ERR_OK ? static_cast<long>(size) : error == ERR_VAL ? -EACCES : to_errno(error);
}

long UdpSocket::receive(Buffers& to, Transfer& how)
{
    while (waiting_.empty()) {
        if (read_shut_)
            return 0;
        if (long error = wait_for(EPOLLIN, how.nonblocking, receive_timeout))
            return error;
    }
    Datagram& first = *waiting_.front();
    std::size_t done = 0;
    for (const pbuf* part = first.data; part && to.size() > 0; part = part->next)
        done += to.fill(part->payload, part->len);
    how.length = first.data->tot_len;
    how.truncated = done < how.length;
    if (how.peer)
        *how.peer = first.from;
    if (!how.peek)
        drop(first);
    return static_cast<long>(done);
}

long UdpSocket::shut_down(bool reading, bool writing)
{
    if (!connected_)
        return -ENOTCONN;
    read_shut_ = read_shut_ || reading;
    write_shut_ = write_shut_ || writing;
    notify(EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    return 0;
}

long UdpSocket::local(Endpoint& out)
{
    out = {pcb_->local_ip, pcb_->local_port};
    return 0;
}

long UdpSocket::peer(Endpoint& out)
{
    if (!connected_)
        return -ENOTCONN;
    out = {pcb_->remote_ip, pcb_->remote_port};
    return 0;
}

long UdpSocket::set_option(int level, int name, int value)
{
    if (level == IPPROTO_IP || level == IPPROTO_UDP)
        return 0;  // hints: type of service, error reports
    return Socket::set_option(level, name, value);
}

long UdpSocket::get_option(int level, int name, int& value)
{
    if (level == SOL_SOCKET && (name == SO_TYPE || name == SO_PROTOCOL || name == SO_ACCEPTCONN)) {
        value = name == SO_TYPE ? SOCK_DGRAM : name == SO_PROTOCOL ? IPPROTO_UDP : 0;
        return 0;
    }
    return Socket::get_option(level, name, value);
}

std::uint32_t UdpSocket::ready()
{
    return EPOLLOUT | (waiting_.empty() && !read_shut_ ? 0U : EPOLLIN);
}

std::size_t UdpSocket::available() const
{
    return waiting_.empty() ? 0 : waiting_.front()->data->tot_len;
}

}  // namespace u0::posix_sockets
