// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guard.hh"

#include <deque>
#include <string>
#include <string_view>
#include <vector>

/// A Stream without a network: what was held, passed and sent are strings. Misuse fails the test.
class FakeStream : public u0::Stream
{
public:
    explicit FakeStream(u0::http_guard::Guard& guard) : guard_(guard) {}
    ~FakeStream();

    // The peer.
    void arrive(std::string_view bytes);  ///< one segment
    void close_by_peer();

    // The application. False: EPIPE or ECONNRESET.
    bool write(std::string_view bytes);

    /// Lets the guard work until it has nothing to do.
    void idle();
    void tick(std::uint64_t now_ns) { over() ? void() : guard_.tick(*this, now_ns); }

    std::string passed;  ///< what the application can read
    std::string sent;    ///< what the peer gets, of the application's and the guard's
    bool finished = false, aborted = false;
    bool refuse_to_pass = false;  ///< only pass() fails
    bool refuse_memory = false;   ///< front(), send() and pass() fail
    bool over() const { return finished || aborted; }
    std::size_t held_size() const;

private:
    friend class u0::Stream;
    u0::http_guard::Guard& guard_;
    std::deque<std::vector<unsigned char>> held_;
    bool peer_closed_ = false;
    bool in_hook_ = false;
};

/// Makes allocations of the guard fail while it lives.
struct NoMemory {
    NoMemory();
    ~NoMemory();
};

/// Blocks the guard has allocated and not released.
int allocated_blocks();

/// What the guard told of the request that it refused last.
const std::string& last_refused_head();
