// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "packet_queue.hh"
#include "socket.hh"
#include "u0/list.hh"
#include "u0/stream.hh"

namespace u0::posix_sockets
{

/// A TCP socket over lwIP's raw API: unconnected, connecting, listening, or a connection. An accepted one is
/// the Stream that filters see; its received bytes wait in `held_` until the filter passes them on. Every
/// way for the application to read goes through `readable_`, so none gets around the filter.
///
/// lwIP frees control blocks behind our back, when the peer resets or some time after both sides have ended
/// the connection; pcb_ is null from then on.
class TcpSocket final : public Socket, public Stream
{
public:
    /// A new socket; empty when memory is out.
    static FileRef create();

    long bind(const Endpoint& local) override;
    long connect(const Endpoint& peer, bool nonblocking) override;
    long listen(int backlog) override;
    long accept(bool nonblocking, FileRef& connection, Endpoint& peer) override;
    long send(Buffers& from, Transfer& how) override;
    long receive(Buffers& to, Transfer& how) override;
    long shut_down(bool reading, bool writing) override;
    long local(Endpoint& out) override;
    long peer(Endpoint& out) override;
    long set_option(int level, int name, int value) override;
    long get_option(int level, int name, int& value) override;
    std::uint32_t ready() override;
    std::size_t available() const override { return readable_.size(); }

    /// Sends what was queued since the last call, for all sockets: point `network.output`. Not at each write,
    /// so that many writes to one socket leave as few segments, with one acknowledgement.
    static void flush();

    Link<TcpSocket> dirty_link;   ///< sockets to flush
    Link<TcpSocket> accept_link;  ///< connections not yet accepted by the application
    Link<TcpSocket> open_link;    ///< streams that the filter let in

protected:
    ~TcpSocket() override;

private:
    friend class u0::Stream;
    enum class State { idle, connecting, connected, listening, closed };

    explicit TcpSocket(tcp_pcb* pcb);

    // lwIP's callbacks; `self` is the TcpSocket.
    static err_t on_connected(void* self, tcp_pcb* pcb, err_t error);
    static err_t on_accept(void* self, tcp_pcb* pcb, err_t error);
    static err_t on_receive(void* self, tcp_pcb* pcb, pbuf* data, err_t error);
    static err_t on_sent(void* self, tcp_pcb* pcb, u16_t bytes);
    static err_t on_poll(void* self, tcp_pcb* pcb);
    static err_t on_orphan_poll(void* polls_left, tcp_pcb* pcb);
    static void on_error(void* self, err_t error);
    static void on_freed(u8_t, void* self);
    static const tcp_ext_arg_callbacks owner_callbacks;
    static void tick(void*);

    void attach(tcp_pcb* pcb);
    tcp_pcb* detach();
    bool admit(TcpSocket& listener);
    void received(pbuf* data);
    long queue_piece(std::span<unsigned char> piece);
    long write_to_pcb(const void* data, std::size_t size);
    void close_pcb();
    void mark_dirty();
    void send_group();
    std::size_t send_room() const;
    bool at_end() const { return finished_ || read_shut_ || (peer_closed_ && held_.empty()); }
    long take_error();
    static void linger_without_us(tcp_pcb* pcb);

    tcp_pcb* pcb_ = nullptr;
    State state_ = State::idle;
    PacketQueue held_;      ///< received, not yet passed by the filter
    PacketQueue readable_;  ///< what the application may read
    std::uint64_t id_ = 0;
    std::size_t reported_ = 0;  ///< bytes reported to the filter that could not be queued
    int error_ = 0;             ///< positive errno, reported once
    Endpoint local_, peer_;
    bool filtered_ = false;  ///< let in by stream.accept; stream.close is due
    bool peer_closed_ = false;
    bool read_shut_ = false, write_shut_ = false;
    bool finished_ = false;   ///< Stream::finish()
    bool lingering_ = false;  ///< finished, and the peer has not closed yet
    bool was_full_ = false;   ///< somebody found no room to write
    bool starved_ = false;    ///< memory was out; what is acknowledged next makes room again
    bool no_delay_ = false;
    Nanoseconds linger_until_ = 0;

    using AcceptQueue = List<TcpSocket, &TcpSocket::accept_link>;
    AcceptQueue accept_queue_;
    int accept_count_ = 0, backlog_ = 0;
};

}  // namespace u0::posix_sockets
