// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "socket.hh"
#include "u0/list.hh"

namespace u0::posix_sockets
{

/// A UDP socket over lwIP's raw API.
class UdpSocket final : public Socket
{
public:
    /// A new socket; empty when memory is out.
    static FileRef create();

    long bind(const Endpoint& local) override;
    long connect(const Endpoint& peer, bool nonblocking) override;
    long listen(int) override { return -EOPNOTSUPP; }
    long accept(bool, FileRef&, Endpoint&) override { return -EOPNOTSUPP; }
    long send(Buffers& from, Transfer& how) override;
    long receive(Buffers& to, Transfer& how) override;
    long shut_down(bool reading, bool writing) override;
    long local(Endpoint& out) override;
    long peer(Endpoint& out) override;
    long set_option(int level, int name, int value) override;
    long get_option(int level, int name, int& value) override;
    std::uint32_t ready() override;
    std::size_t available() const override;

protected:
    ~UdpSocket() override;

private:
    /// A datagram that the application has not read yet.
    struct Datagram {
        pbuf* data;
        Endpoint from;
        Link<Datagram> link;
    };
    using Datagrams = List<Datagram, &Datagram::link>;

    explicit UdpSocket(udp_pcb* pcb);
    static void on_receive(void* self, udp_pcb* pcb, pbuf* data, const ip_addr_t* address, u16_t port);
    void drop(Datagram& datagram);

    udp_pcb* pcb_;
    Datagrams waiting_;
    std::size_t waiting_bytes_ = 0;
    bool connected_ = false, read_shut_ = false, write_shut_ = false;
};

}  // namespace u0::posix_sockets
