// SPDX-License-Identifier: Apache-2.0
//
// Life of a TCP socket: connecting, listening, accepting, closing, and its state for the application.
#include <algorithm>
#include <cstring>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "half_open.hh"
#include "tcp_socket.hh"
#include "u0/clock.hh"
#include "u0/memory.hh"
#include "u0/posix_time.hh"

namespace u0::posix_sockets
{
namespace
{

constexpr std::size_t enough_room = TCP_SND_BUF / 3;  ///< for EPOLLOUT; Linux: a third

/// lwIP's extra argument in which a control block has its socket.
u8_t owner_id()
{
    static u8_t id = tcp_ext_arg_alloc_id();
    return id;
}

ip_addr_t loopback()
{
    ip_addr_t address{};
    ip_addr_set_loopback(0, &address);
    return address;
}

}  // namespace

FileRef TcpSocket::create()
{
    tcp_pcb* pcb = tcp_new();
    if (!pcb)
        return {};
    FileRef socket(new TcpSocket(pcb));
    if (!socket)
        tcp_abort(pcb);
    return socket;
}

TcpSocket::TcpSocket(tcp_pcb* pcb)
{
    attach(pcb);
}

const tcp_ext_arg_callbacks TcpSocket::owner_callbacks{.destroy = &TcpSocket::on_freed,
                                                       .passive_open = nullptr};

/// Whoever it is that frees the control block, and why: a connection that was ended by both sides is
/// forgotten by lwIP after a while without a word to on_error.
void TcpSocket::on_freed(u8_t, void* argument)
{
    auto* self = static_cast<TcpSocket*>(argument);
    if (!self)
        return;
    self->pcb_ = nullptr;
    if (self->state_ == State::connected)
        self->state_ = State::closed;
}

void TcpSocket::attach(tcp_pcb* pcb)
{
    pcb_ = pcb;
    tcp_ext_arg_set_callbacks(pcb, owner_id(), &owner_callbacks);
    tcp_ext_arg_set(pcb, owner_id(), this);
    tcp_arg(pcb, this);
    tcp_recv(pcb, &TcpSocket::on_receive);
    tcp_sent(pcb, &TcpSocket::on_sent);
    tcp_err(pcb, &TcpSocket::on_error);
}

/// Gives the control block up: lwIP does not call us any more.
tcp_pcb* TcpSocket::detach()
{
    tcp_pcb* pcb = std::exchange(pcb_, nullptr);
    if (!pcb)
        return nullptr;
    tcp_ext_arg_set(pcb, owner_id(), nullptr);
    tcp_arg(pcb, nullptr);
    if (state_ == State::listening) {
        tcp_accept(pcb, nullptr);
    } else {
        tcp_recv(pcb, nullptr);
        tcp_sent(pcb, nullptr);
        tcp_err(pcb, nullptr);
        tcp_poll(pcb, nullptr, 0);
    }
    state_ = State::closed;
    return pcb;
}

/// As close(2): what is queued is still sent, unless unread data makes it a reset (RFC 2525, 2.17).
void TcpSocket::close_pcb()
{
    bool reset = linger_reset && state_ != State::listening;
    tcp_pcb* pcb = detach();
    if (!pcb)
        return;
    if (reset)
        tcp_abort(pcb);
    else if (lingering_)
        linger_without_us(pcb);
    else if (tcp_close(pcb) != ERR_OK)
        tcp_abort(pcb);
}

long TcpSocket::bind(const Endpoint& local)
{
    if (state_ != State::idle || pcb_->local_port != 0)
        return -EINVAL;
    if (reuse_address_)
        ip_set_option(pcb_, SOF_REUSEADDR);
    err_t error = tcp_bind(pcb_, &local.address, local.port);
    local_ = {local.address, pcb_->local_port};
    return error == ERR_VAL ? -EADDRNOTAVAIL : to_errno(error);
}

long TcpSocket::connect(const Endpoint& peer, bool nonblocking)
{
    if (state_ == State::connecting)
        return -EALREADY;
    if (state_ == State::connected)
        return -EISCONN;
    if (error_ != 0)
        return take_error();
    if (state_ != State::idle)
        return -EINVAL;
    peer_ = peer;
    if (ip_addr_isany(&peer_.address))
        peer_.address = loopback();
    if (keep_alive_)
        ip_set_option(pcb_, SOF_KEEPALIVE);
    if (no_delay_)
        tcp_nagle_disable(pcb_);
    state_ = State::connecting;
    if (err_t error = tcp_connect(pcb_, &peer_.address, peer_.port, &TcpSocket::on_connected)) {
        state_ = State::idle;
        return error == ERR_VAL ? -EINVAL : to_errno(error);
    }
    if (nonblocking)
        return -EINPROGRESS;
    if (wait_for(EPOLLOUT, false, send_timeout) != 0)
        return -EINPROGRESS;
    return error_ != 0 ? take_error() : 0;
}

err_t TcpSocket::on_connected(void* argument, tcp_pcb* pcb, err_t)
{
    auto* self = static_cast<TcpSocket*>(argument);
    self->state_ = State::connected;
    self->local_ = {pcb->local_ip, pcb->local_port};
    self->notify(EPOLLOUT);
    return ERR_OK;
}

long TcpSocket::listen(int backlog)
{
    constexpr unsigned most = 4096;  // Linux: net.core.somaxconn, also for negative numbers; 0 lets one wait
    backlog_ = static_cast<int>(std::clamp(static_cast<unsigned>(backlog), 1U, most));
    if (state_ == State::listening)
        return 0;
    if (state_ != State::idle)
        return -EINVAL;
    if (pcb_->local_port == 0)
        if (long error = bind({}))
            return error;
    err_t error = ERR_OK;
    tcp_pcb* listener = tcp_listen_with_backlog_and_err(pcb_, TCP_DEFAULT_LISTEN_BACKLOG, &error);
    if (!listener)
        return to_errno(error);
    pcb_ = listener;
    state_ = State::listening;
    tcp_arg(pcb_, this);
    tcp_accept(pcb_, &TcpSocket::on_accept);
    half_open::guard(pcb_);
    return 0;
}

/// A handshake is complete. The connection lives from here on, whether the application accepts it soon or
/// not; when more wait than it asked for, further ones are reset.
err_t TcpSocket::on_accept(void* argument, tcp_pcb* pcb, err_t error)
{
    auto* self = static_cast<TcpSocket*>(argument);
    if (!self || !pcb || error != ERR_OK)
        return ERR_VAL;
    half_open::completed(pcb);
    if (self->accept_count_ >= self->backlog_)
        return ERR_MEM;  // lwIP resets it
    TcpSocket* connection = new TcpSocket(pcb);
    if (!connection)
        return ERR_MEM;
    FileRef alive(connection);
    connection->state_ = State::connected;
    connection->peer_ = {pcb->remote_ip, pcb->remote_port};
    if (self->keep_alive_)
        ip_set_option(pcb, SOF_KEEPALIVE);
    if (self->no_delay_)
        tcp_nagle_disable(pcb);
    if (!connection->admit(*self) || !connection->pcb_) {
        if (tcp_pcb* refused = connection->detach())
            tcp_abort(refused);
        return ERR_ABRT;
    }
    connection->local_ = {pcb->local_ip, pcb->local_port};
    connection->retain();  // the queue's reference
    self->accept_queue_.push_back(*connection);
    ++self->accept_count_;
    self->notify(EPOLLIN);
    return ERR_OK;
}

long TcpSocket::accept(bool nonblocking, FileRef& connection, Endpoint& peer)
{
    if (state_ != State::listening)
        return -EINVAL;
    if (accept_queue_.empty())
        poll();  // the last packet of a handshake may wait in the card
    while (accept_queue_.empty()) {
        if (long error = wait_for(EPOLLIN, nonblocking, receive_timeout))
            return error;
        if (state_ != State::listening)
            return -EINVAL;  // another thread has shut it down
    }
    TcpSocket* next = accept_queue_.pop_front();
    --accept_count_;
    connection = FileRef(next);
    peer = next->peer_;
    next->release();
    return 0;
}

void TcpSocket::on_error(void* argument, err_t error)
{
    auto* self = static_cast<TcpSocket*>(argument);
    FileRef alive(self);
    self->pcb_ = nullptr;  // lwIP has freed it
    bool connecting = self->state_ == State::connecting;
    self->state_ = State::closed;
    if (!self->finished_)
        self->error_ = connecting && error == ERR_RST ? ECONNREFUSED : static_cast<int>(-to_errno(error));
    self->lingering_ = false;
    self->notify(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP);
}

err_t TcpSocket::on_sent(void* argument, tcp_pcb*, u16_t)
{
    auto* self = static_cast<TcpSocket*>(argument);
    self->starved_ = false;
    if (self->was_full_ && self->send_room() >= enough_room) {
        self->was_full_ = false;
        self->notify(EPOLLOUT);
    }
    return ERR_OK;
}

long TcpSocket::shut_down(bool reading, bool writing)
{
    if (state_ == State::listening && reading) {
        close_pcb();
        notify(EPOLLIN | EPOLLHUP);
        return 0;
    }
    if (state_ != State::connected || !pcb_)
        return -ENOTCONN;
    if (reading)
        read_shut_ = true;
    if (writing && !write_shut_) {
        write_shut_ = true;
        tcp_shutdown(pcb_, 0, 1);
    }
    notify(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
    return 0;
}

/// Bytes that may be queued now. A connection always gets a few segments, so that it goes on; more only
/// while there is memory left for what comes in, since acknowledgements give all of it back.
std::size_t TcpSocket::send_room() const
{
    constexpr unsigned few_segments = 4;
    constexpr std::size_t share_for_input = 5;  // a fifth of memory
    if (!pcb_ || starved_ || tcp_sndqueuelen(pcb_) >= TCP_SNDQUEUELOWAT)
        return 0;
    if (tcp_sndqueuelen(pcb_) > few_segments &&
        memory::free_pages() < memory::total_pages() / share_for_input)
        return 0;
    return tcp_sndbuf(pcb_);
}

long TcpSocket::write_to_pcb(const void* data, std::size_t size)
{
    constexpr std::size_t most = 0xffff;
    auto length = static_cast<u16_t>(size < most ? size : most);
    if (length == 0)
        return -EAGAIN;
    if (tcp_write(pcb_, data, length, TCP_WRITE_FLAG_COPY) != ERR_OK) {
        if (tcp_sndqueuelen(pcb_) == 0)
            return -ENOBUFS;  // no acknowledgement will come to wake the writer
        starved_ = true;
        return -EAGAIN;
    }
    mark_dirty();
    return length;
}

std::uint32_t TcpSocket::ready()
{
    switch (state_) {
    case State::idle:
        return EPOLLOUT | EPOLLHUP;
    case State::connecting:
        return 0;
    case State::listening:
        return accept_queue_.empty() ? 0U : EPOLLIN;
    case State::connected: {
        std::uint32_t events = at_end() ? EPOLLIN | EPOLLRDHUP : readable_.empty() ? 0U : EPOLLIN;
        if (write_shut_)
            return events | EPOLLOUT | (at_end() ? EPOLLHUP : 0U);
        return events | (send_room() >= enough_room ? EPOLLOUT : 0U);
    }
    case State::closed:
        return EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | (error_ != 0 ? EPOLLERR : 0U);
    }
    return 0;
}

long TcpSocket::take_error()
{
    return -std::exchange(error_, 0);
}

long TcpSocket::local(Endpoint& out)
{
    out = local_;
    return 0;
}

long TcpSocket::peer(Endpoint& out)
{
    if (state_ != State::connected)
        return -ENOTCONN;
    out = peer_;
    return 0;
}

long TcpSocket::set_option(int level, int name, int value)
{
    if (level == SOL_SOCKET) {
        long result = Socket::set_option(level, name, value);
        if (name == SO_KEEPALIVE && pcb_ && state_ != State::listening) {
            if (value != 0)
                ip_set_option(pcb_, SOF_KEEPALIVE);
            else
                ip_reset_option(pcb_, SOF_KEEPALIVE);
        }
        return result;
    }
    if (level != IPPROTO_TCP)
        return level == IPPROTO_IP ? 0 : -ENOPROTOOPT;
    bool live = pcb_ && state_ != State::listening;
    auto milliseconds = static_cast<u32_t>(value) * 1000;
    switch (name) {
    case TCP_NODELAY:
        no_delay_ = value != 0;
        if (live && no_delay_)
            tcp_nagle_disable(pcb_);
        else if (live)
            tcp_nagle_enable(pcb_);
        return 0;
    case TCP_KEEPIDLE:
        if (live)
            pcb_->keep_idle = milliseconds;
        return value > 0 ? 0 : -EINVAL;
    case TCP_KEEPINTVL:
        if (live)
            pcb_->keep_intvl = milliseconds;
        return value > 0 ? 0 : -EINVAL;
    case TCP_KEEPCNT:
        if (live)
            pcb_->keep_cnt = static_cast<u32_t>(value);
        return value > 0 ? 0 : -EINVAL;
    case TCP_CORK:
    case TCP_QUICKACK:
    case TCP_DEFER_ACCEPT:
    case TCP_USER_TIMEOUT:
    case TCP_FASTOPEN:
        return 0;  // hints
    default:
        return -ENOPROTOOPT;
    }
}

long TcpSocket::get_option(int level, int name, int& value)
{
    if (level == SOL_SOCKET && name == SO_ERROR) {
        value = static_cast<int>(-take_error());
        return 0;
    }
    if (level == SOL_SOCKET && (name == SO_TYPE || name == SO_PROTOCOL || name == SO_ACCEPTCONN)) {
        constexpr int stream = SOCK_STREAM, tcp = IPPROTO_TCP;
        value = name == SO_TYPE ? stream : name == SO_PROTOCOL ? tcp : state_ == State::listening;
        return 0;
    }
    if (level != IPPROTO_TCP)
        return Socket::get_option(level, name, value);
    switch (name) {
    case TCP_NODELAY:
        value = no_delay_;
        return 0;
    case TCP_MAXSEG:
        value = TCP_MSS;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

}  // namespace u0::posix_sockets
