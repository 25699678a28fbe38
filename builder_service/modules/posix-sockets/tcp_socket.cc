// SPDX-License-Identifier: Apache-2.0
//
// The way of bytes through a TCP connection, and the points at which a filter stands in it. All points of
// this module are called from this file.
#include "tcp_socket.hh"

#include <algorithm>

#include "hooks.gen.hh"
#include "u0/clock.hh"
#include "u0/net.hh"

namespace u0::posix_sockets
{
namespace
{

constexpr bool filtering = !hooks::stream_accept.empty() || !hooks::stream_input.empty() ||
                           !hooks::stream_output.empty() || !hooks::stream_tick.empty() ||
                           !hooks::stream_close.empty();
constexpr bool holds_input = !hooks::stream_input.empty();
constexpr bool ticks = !hooks::stream_tick.empty();
constexpr std::uint32_t tick_ms = 1000;

using DirtyList = List<TcpSocket, &TcpSocket::dirty_link>;
DirtyList dirty;

/// What several connections are answered in one round leaves in groups of 1, 2, 4 ... of them: device and
/// peers work on the first answers while the application makes the next, and there are few groups.
unsigned written_to = 0, group = 1;

using OpenStreams = List<TcpSocket, &TcpSocket::open_link>;
OpenStreams open_streams;
bool ticking = false;
std::uint64_t next_stream_id = 1;

}  // namespace

/// Shows a new connection to the filter; false: it is to be reset.
bool TcpSocket::admit(TcpSocket& listener)
{
    bool admitted = true;
    id_ = next_stream_id++;
    local_ = listener.local_;
    admitted = hooks::stream_accept.all(static_cast<Stream&>(*this));
    filtered_ = filtering && admitted;
    if (filtered_) {
        open_streams.push_back(*this);
        if (ticks && !std::exchange(ticking, true))
            sys_timeout(tick_ms, &TcpSocket::tick, nullptr);
    }
    return admitted;
}

TcpSocket::~TcpSocket()
{
    if (filtering && filtered_) {
        open_streams.remove(*this);
        hooks::stream_close(static_cast<Stream&>(*this));
    }
    while (TcpSocket* waiting = accept_queue_.pop_front())
        waiting->release();
    dirty.remove(*this);
    close_pcb();
}

void TcpSocket::tick(void*)
{
    if constexpr (ticks) {
        [[maybe_unused]] const std::uint64_t now = monotonic_ns();
        for (TcpSocket* socket = open_streams.front(); socket;) {
            FileRef alive(socket);  // a filter may end it
            hooks::stream_tick(static_cast<Stream&>(*socket), now);
            socket = OpenStreams::next(*socket);
        }
        sys_timeout(tick_ms, &TcpSocket::tick, nullptr);
    }
}

/// Bytes arrived (or, when null, the peer closed its half).
void TcpSocket::received(pbuf* data)
{
    if (finished_ || read_shut_) {
        if (data) {
            tcp_recved(pcb_, data->tot_len);
            pbuf_free(data);
        }
        return;
    }
    if (!data)
        peer_closed_ = true;
    if (holds_input && filtered_) {
        if (data)
            held_.append(data);
        hooks::stream_input(static_cast<Stream&>(*this));
        if (peer_closed_)
            notify(EPOLLIN | EPOLLRDHUP);
        return;
    }
    if (data)
        readable_.append(data);
    notify(data ? EPOLLIN : EPOLLIN | EPOLLRDHUP);
}

err_t TcpSocket::on_receive(void* argument, tcp_pcb*, pbuf* data, err_t)
{
    auto* self = static_cast<TcpSocket*>(argument);
    FileRef alive(self);
    self->received(data);
    if (!self->pcb_)
        return ERR_ABRT;  // a filter reset the connection
    if (!data)
        self->lingering_ = false;
    return ERR_OK;
}

/// Hands one piece of the application's memory to lwIP, after the filter saw it; bytes taken or -errno.
long TcpSocket::queue_piece(std::span<unsigned char> piece)
{
    std::size_t size = std::min(piece.size(), send_room());
    if (filtering && filtered_ && size > reported_) {
        hooks::stream_output(static_cast<Stream&>(*this), piece.data() + reported_, size - reported_);
        reported_ = size;
        if (!pcb_ || write_shut_)
            return -EPIPE;
    }
    long queued = write_to_pcb(piece.data(), size);
    if (queued > 0) {
        reported_ -= std::min(reported_, static_cast<std::size_t>(queued));
        if (holds_input && filtered_ && (!held_.empty() || peer_closed_))
            hooks::stream_input(static_cast<Stream&>(*this));
    }
    return queued;
}

long TcpSocket::send(Buffers& from, Transfer& how)
{
    if (state_ == State::connecting && how.nonblocking)
        return -EAGAIN;
    long done = 0;
    while (from.size() > 0) {
        if (error_ != 0)
            return done > 0 ? done : take_error();
        if (state_ == State::idle || state_ == State::listening)
            return -ENOTCONN;
        if (!pcb_ || write_shut_)
            return done > 0 ? done : -EPIPE;
        if (state_ == State::connected && send_room() > 0) {
            send_group();
            long queued = queue_piece(from.front());
            if (queued > 0) {
                from.advance(static_cast<std::size_t>(queued));
                done += queued;
                continue;
            }
            if (queued != -EAGAIN)
                return done > 0 ? done : queued;
        }
        was_full_ = true;
        if (wait_for(EPOLLOUT, how.nonblocking, send_timeout) != 0)
            return done > 0 ? done : -EAGAIN;
    }
    return done;
}

/// Before a connection is written to, so that what is written to it bit by bit leaves in one segment.
void TcpSocket::send_group()
{
    if (written_to < group || DirtyList::contains(*this))
        return;
    const unsigned next = 2 * group;
    net::send_written();
    group = next;
}

long TcpSocket::receive(Buffers& to, Transfer& how)
{
    if (state_ == State::idle || state_ == State::listening)
        return -ENOTCONN;
    long done = 0;
    while (to.size() > 0) {
        if (!readable_.empty()) {
            if (how.peek)
                return static_cast<long>(readable_.peek(to));
            std::size_t n = readable_.take(to);
            if (pcb_)
                tcp_recved(pcb_, static_cast<u16_t>(n));
            done += static_cast<long>(n);
            if (!how.wait_all)
                return done;
            continue;
        }
        if (error_ != 0)
            return done > 0 ? done : take_error();
        if (at_end() || state_ == State::closed)
            return done;
        if (wait_for(EPOLLIN | EPOLLRDHUP, how.nonblocking, receive_timeout) != 0)
            return done > 0 ? done : -EAGAIN;
    }
    return done;
}

void TcpSocket::mark_dirty()
{
    if (DirtyList::contains(*this))
        return;
    dirty.push_back(*this);
    ++written_to;
}

void TcpSocket::flush()
{
    written_to = 0;
    group = 1;
    while (TcpSocket* socket = dirty.pop_front())
        if (socket->pcb_)
            tcp_output(socket->pcb_);
}

/// Point `network.output`.
void flush_sockets()
{
    TcpSocket::flush();
}

/// Point `idle.arm`: what somebody wrote after the last round leaves before the processor sleeps.
bool unsent()
{
    return !dirty.empty();
}

}  // namespace u0::posix_sockets
