// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace u0
{

/// One accepted TCP connection, as a filter between the peer and the application sees it.
///
///     peer --> [ held | passed ] --> application's read
///     peer <--------- queue <------- application's write, and the filter's send()
///
/// Without a filter (empty chain of `stream.input`) arriving bytes are readable at once. With one they are
/// *held* until the filter passes or drops them; the application can neither read them, nor see the
/// stream readable because of them, nor read the peer's end of file before them.
///
/// Points declared by posix-sockets (calls for all streams are serialised, and no function of this class
/// calls a hook, so a filter is never entered twice):
///
///     stream.accept bool(u0::Stream&)   before the application can see the connection; false: reset it
///     stream.input  void(u0::Stream&)   bytes arrived, the peer closed its half (peer_closed()), or the
///                                       application wrote while bytes are held or the peer has closed:
///                                       called after `output`, when the written bytes are in the queue
///     stream.output void(u0::Stream&, const unsigned char*, std::size_t)
///                                       bytes the application writes, *before* they are queued for sending,
///                                       each reported once and only as far as the queue has room for them.
///                                       After finish() or abort() from here they are not sent, and the
///                                       write fails with EPIPE
///     stream.tick   void(u0::Stream&, std::uint64_t now_ns)   about once a second for each open stream
///     stream.close  void(u0::Stream&)   last call for every stream that `accept` has let in; the object
///                                       is gone afterwards
///
/// A filter may also use a stream outside of these calls (from `idle.poll`), between accept and close.
/// There is one filter_state(): an image has at most one module that filters streams.
///
/// Owner: posix-sockets, which derives its connection from this class and defines these functions. None is
/// virtual: no pointer to code lies in writable memory. Not thread-safe; u0 has one CPU and no preemption.
class Stream
{
public:
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    /// Number of the connection since boot, counted from 1.
    std::uint64_t id() const;

    /// Port on which the connection was accepted, in host byte order.
    std::uint16_t local_port() const;

    /// Belongs to the filter; null when `stream.accept` is called. The filter frees it in `stream.close`.
    void*& filter_state() { return filter_state_; }

    /// Bytes received, neither passed nor dropped. They count against the receive window, which is 32 KiB
    /// or more, so a peer cannot make this grow without bound.
    std::size_t held() const;

    /// Makes at least the first `n` held bytes contiguous and writable, and returns them with
    /// whatever lies behind them without a copy; front(1) therefore never copies. Valid until the next call
    /// of front, drop or pass on this stream or the return from the hook. Calls with growing n cost O(1) per
    /// byte, amortised. Empty when n is 0 or over held(), or memory is out.
    std::span<unsigned char> front(std::size_t n);

    /// Discards the first `n` (<= held()) bytes, and opens the receive window by as much.
    void drop(std::size_t n);

    /// Lets the application read the first `n` (<= held()) bytes, and wakes it. When memory is out the stream
    /// is aborted and held() stays as it was.
    void pass(std::size_t n);

    /// Queues bytes for the peer behind everything the application has written. All or nothing; false when
    /// memory is out or the connection is gone. Not reported to `stream.output`. Copies.
    bool send(std::span<const unsigned char> bytes);

    /// Ends the stream in order: nothing more passes, held and later input is discarded, the application
    /// reads end of file and its writes fail with EPIPE, the peer gets everything queued and then FIN. The
    /// connection lingers (input discarded, at most a few seconds) so that no reset overtakes the last
    /// answer. Only `stream.close` follows.
    void finish();

    /// Ends the stream with a reset. Only `stream.close` follows.
    void abort();

    /// True when the peer has sent FIN. The application reads end of file once nothing is held any more.
    bool peer_closed() const;

protected:
    Stream() = default;
    ~Stream() = default;

private:
    void* filter_state_ = nullptr;
};

}  // namespace u0
