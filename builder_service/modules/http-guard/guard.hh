// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "body.hh"
#include "head.hh"
#include "policy.hh"
#include "response.hh"
#include "settings.hh"
#include "verifier.hh"

#include "u0/stream.hh"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace u0::http_guard
{

/// What the guard needs of its surroundings; the module and the tests each define it.
namespace surroundings
{
void* allocate(std::size_t bytes);  ///< nullptr when memory is short
void release(void* block);
/// A request was refused. The head is what arrived, unchecked; empty when it is not at hand.
void refused(const Stream& stream, Status status, std::string_view head);
}  // namespace surroundings

/// What a Guard remembers. All zero at first, so that it takes no bytes in the image.
struct Memory {
    /// An allowed head, without body and without upgrade.
    struct KnownHead {
        static constexpr std::size_t limit = 512;
        std::uint16_t size = 0;  ///< 0: free
        bool to_head = false;
        std::array<unsigned char, limit> bytes;
    };

    std::array<KnownHead, 8> heads{};
    std::uint8_t next_head = 0;
    ResponseMemo responses;
    Verifier verifier;
};

/// One request at a time: a head reaches the application only after it was allowed, after the body before it
/// has passed, and after the application has answered the request before it. So the guard's own answers take
/// their place in order, and a connection goes on after a refusal.
///
/// Allowed heads are remembered as bytes: a verdict depends on nothing else, so the same bytes get the same
/// verdict without another look. Not thread-safe, see Stream.
class Guard
{
public:
    /// Both have to outlive it; no two guards share a memory.
    constexpr Guard(const Settings& settings, Memory& memory) : settings_(settings), memory_(memory) {}
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    /// Before the first stream. @param key random bytes for Verifier
    void seed(const Digest& key) { memory_.verifier.seed(key); }

    void input(Stream& stream);
    void output(Stream& stream, std::span<const unsigned char> bytes);
    void tick(Stream& stream, std::uint64_t now_ns);
    void close(Stream& stream);

    /// Goes on with slow verifications and ends what is due to end. True when something was done. Called far
    /// more often than there is anything to do.
    bool poll() { return has_work_ && work(); }

    static constexpr std::uint64_t discard_limit = 65536;  ///< bytes of a refused request's body
    static constexpr int failures_limit = 5;               ///< wrong credentials on one connection
    static constexpr std::size_t waiting_limit = 64;       ///< connections waiting for a verification
    static constexpr std::uint32_t slice = 64;             ///< iterations of PBKDF2 in one poll()

private:
    enum class Phase : std::uint8_t {
        head,        ///< waiting for a head, or for the rest of one
        verifying,   ///< a head is held until the verifier has an answer
        exchange,    ///< the application has the request; its body passes, its response comes
        discarding,  ///< a request was refused; its body is dropped
        tunnel,      ///< the protocol was switched with the application's consent
        spent,       ///< answered; to be ended by poll()
        over         ///< finish() or abort() was called
    };

    struct Connection {
        Connection(Stream& of, const Memory::KnownHead& known) : stream(&of), known_head(&known) {}

        Stream* stream;
        const Memory::KnownHead* known_head;  ///< the last one
        Connection* next = nullptr;           ///< in a Queue
        std::uint64_t since = 0;              ///< when tick() first saw it wait, 0: it does not
        std::size_t scanned =
            0;  ///< bytes of the head that were searched for its end; the end when verifying
        BodyReader body;
        ResponseTracker response;
        Phase phase = Phase::head;
        std::uint8_t failures = 0;
        bool served = false;   ///< there was a complete head
        bool upgrade = false;  ///< the request allows to switch the protocol
        bool last = false;     ///< nothing may follow this request
    };

    /// Connections waiting for poll(), oldest first.
    struct Queue {
        Connection* first = nullptr;
        Connection** end = &first;
        std::size_t size = 0;

        void push(Connection& c);
        Connection* pop();
        void remove(const Connection& c);
    };

    /// What is known when a head is judged.
    enum class Stage : std::uint8_t { arrived, verifier_free, verified };
    enum class Verdict : std::uint8_t { allowed, refused, wait };

    bool work();
    void advance(Connection& c);
    bool pass_known_head(Connection& c);
    void follow_response(Connection& c, std::span<const unsigned char> bytes);
    bool take_head(Connection& c);
    bool skip_empty_lines(Connection& c);

    void judge(Connection& c, std::size_t size, Stage stage);
    Verdict decide_on(Connection& c, const Head& head, Stage stage, Status& status, CredentialSet& challenge);
    void pass_head(Connection& c, const Head& head, std::span<const unsigned char> bytes);
    void begin_exchange(Connection& c, BodyKind body, std::uint64_t content_length, bool to_head);
    void remember(Connection& c, const Head& head, std::span<const unsigned char> bytes);
    bool move_body(Connection& c, bool pass);
    void settle(Connection& c);

    void refuse(Connection& c, const Head& head, std::size_t size, Status status, CredentialSet challenge);
    void refuse_and_end(Connection& c, Status status);
    bool answer(Connection& c, Status status, CredentialSet challenge, bool to_head, bool close);
    void end(Connection& c);
    void abort(Connection& c);
    void forget(Connection& c);
    Connection* connection(Stream& stream);
    Connection* new_connection(Stream& stream);

    const Settings& settings_;
    Memory& memory_;
    Queue spent_, waiting_;
    Connection* verified_for_ = nullptr;
    bool has_work_ = false;  ///< may be true without need, but never false with it
};

}  // namespace u0::http_guard
