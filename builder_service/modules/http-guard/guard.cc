// SPDX-License-Identifier: Apache-2.0
#include "guard.hh"

#include "answer.hh"
#include "text.hh"

#include <algorithm>
#include <new>

namespace u0::http_guard
{

void Guard::Queue::push(Connection& c)
{
    c.next = nullptr;
    *end = &c;
    end = &c.next;
    ++size;
}

Guard::Connection* Guard::Queue::pop()
{
    Connection* const c = first;
    if (c != nullptr)
        remove(*c);
    return c;
}

void Guard::Queue::remove(const Connection& c)
{
    for (Connection** at = &first; *at != nullptr; at = &(*at)->next) {
        if (*at != &c)
            continue;
        *at = c.next;
        if (end == &c.next)
            end = at;
        --size;
        return;
    }
}

Guard::Connection* Guard::new_connection(Stream& stream)
{
    void* const memory = surroundings::allocate(sizeof(Connection));
    if (memory == nullptr) {
        stream.abort();
        return nullptr;
    }
    auto* const made = new (memory) Connection(stream, memory_.heads[0]);
    stream.filter_state() = made;
    return made;
}

/// The state of a stream, made at its first event; nullptr, and the stream is gone, when memory is short.
inline Guard::Connection* Guard::connection(Stream& stream)
{
    void* const state = stream.filter_state();
    return state != nullptr ? static_cast<Connection*>(state) : new_connection(stream);
}

/// The same bytes as a head that was allowed before.
inline bool Guard::pass_known_head(Connection& c)
{
    const Memory::KnownHead& known = *c.known_head;
    const std::span<const unsigned char> bytes = c.stream->front(1);
    if (known.size == 0 || bytes.size() < known.size ||
        !equal_words(bytes.data(), known.bytes.data(), known.size))
        return false;
    c.phase = Phase::exchange;
    c.since = 0;
    c.scanned = 0;
    c.upgrade = false;
    c.response.start(known.to_head);
    c.stream->pass(known.size);
    return true;
}

void Guard::input(Stream& stream)
{
    Connection* const c = connection(stream);
    if (c == nullptr)
        return;
    // The usual case first: the same request as before, and nothing else.
    if (c->phase != Phase::head || !pass_known_head(*c))
        advance(*c);
}

/// Moves what can move now.
void Guard::advance(Connection& c)
{
    for (;;) {
        switch (c.phase) {
        case Phase::head:
            if (!pass_known_head(c) && !take_head(c))
                return;
            break;
        case Phase::exchange:
            if (!c.body.done() && !move_body(c, true))
                return;
            settle(c);
            if (c.phase == Phase::exchange)
                return;
            break;
        case Phase::discarding:
            if (!move_body(c, false))
                return;
            c.phase = Phase::head;
            break;
        case Phase::tunnel:
            c.stream->pass(c.stream->held());
            return;
        case Phase::verifying:
        case Phase::spent:
        case Phase::over:
            return;
        }
    }
}

void Guard::output(Stream& stream, std::span<const unsigned char> bytes)
{
    Connection* const c = connection(stream);
    if (c == nullptr || bytes.empty())
        return;
    // The usual case first: the same response as before, whole.
    if (c->phase != Phase::exchange || !c->response.feed_whole(bytes))
        follow_response(*c, bytes);
    else if (c->body.done() && !c->last)
        c->phase = Phase::head;
    else
        settle(*c);
}

void Guard::follow_response(Connection& c, std::span<const unsigned char> bytes)
{
    if (c.phase == Phase::tunnel || c.phase == Phase::over)
        return;
    if (c.phase != Phase::exchange) {
        end(c);  // nobody asked
        return;
    }
    const std::size_t taken = c.response.feed(bytes, memory_.responses);
    if (c.response.switched_protocol() && c.upgrade)
        c.phase = Phase::tunnel;
    else if (taken < bytes.size() || c.response.switched_protocol())
        abort(c);  // a second answer to one question: the application took a body for a request
    else
        settle(c);
}

/// Ends an exchange in which nothing is outstanding.
void Guard::settle(Connection& c)
{
    if (!c.response.complete())
        return;
    if (c.last) {
        // Not finish(): the last bytes of the answer are not yet in the queue.
        c.phase = Phase::spent;
        spent_.push(c);
        has_work_ = true;
    } else if (c.body.done()) {
        c.phase = Phase::head;
        c.scanned = 0;
    }
}

void Guard::tick(Stream& stream, std::uint64_t now_ns)
{
    Connection* const c = connection(stream);
    if (c == nullptr)
        return;
    const bool half_head = c->phase == Phase::head && stream.held() != 0;
    const bool silent = c->phase == Phase::head && !c->served;
    if (!half_head && !silent && c->phase != Phase::discarding) {
        c->since = 0;
    } else if (c->since == 0) {
        c->since = std::max<std::uint64_t>(now_ns, 1);
    } else if (now_ns - c->since >= settings_.head_timeout_ns) {
        if (half_head)
            refuse_and_end(*c, Status::request_timeout);
        else
            end(*c);
    }
}

void Guard::close(Stream& stream)
{
    Connection* const c = static_cast<Connection*>(stream.filter_state());
    if (c == nullptr)
        return;
    forget(*c);
    stream.filter_state() = nullptr;
    c->~Connection();
    surroundings::release(c);
}

/// A round of poll().
bool Guard::work()
{
    bool worked = false;
    while (Connection* const c = spent_.pop()) {
        end(*c);
        worked = true;
    }
    Connection* c = nullptr;
    if (!memory_.verifier.busy()) {
        c = waiting_.pop();
        if (c == nullptr) {
            has_work_ = false;
            return worked;
        }
        judge(*c, c->scanned, Stage::verifier_free);
    } else if (memory_.verifier.step(settings_.policy, slice)) {
        c = verified_for_;
        verified_for_ = nullptr;
        judge(*c, c->scanned, Stage::verified);
    }
    if (c != nullptr)
        advance(*c);
    return true;
}

/// RFC 9112, section 2.2: empty lines before a request are ignored. False: wait, or it is over.
bool Guard::skip_empty_lines(Connection& c)
{
    while (c.stream->held() != 0) {
        const std::size_t n = std::min<std::size_t>(c.stream->held(), 2);
        const std::span<const unsigned char> bytes = c.stream->front(1);
        if (bytes.empty()) {
            abort(c);
            return false;
        }
        if (bytes[0] != '\r') {
            if (is_token_char(static_cast<char>(bytes[0])))
                return true;
            break;
        }
        if (n == 1 && !c.stream->peer_closed())
            return false;
        const std::span<const unsigned char> line = c.stream->front(n);
        if (line.size() < 2 || line[1] != '\n')
            break;
        c.stream->drop(2);
    }
    if (c.stream->held() != 0)
        refuse_and_end(c, Status::bad_request);
    return false;
}

/// Looks for a complete head and judges it. False: wait, or it is over.
bool Guard::take_head(Connection& c)
{
    if (c.scanned == 0 && !skip_empty_lines(c))
        return false;
    const std::span<const unsigned char> bytes =
        c.stream->front(std::min(c.stream->held(), settings_.head_limit));
    if (bytes.empty()) {
        if (c.stream->held() != 0)
            abort(c);
        return false;
    }
    const HeadEnd head = find_head_end(bytes, c.scanned, settings_.head_limit);
    if (head.refused != Status::none) {
        refuse_and_end(c, head.refused);
        return false;
    }
    if (head.size == 0) {
        if (c.stream->peer_closed())
            refuse_and_end(c, Status::bad_request);
        return false;
    }
    judge(c, head.size, Stage::arrived);
    return true;
}

void Guard::judge(Connection& c, std::size_t size, Stage stage)
{
    std::span<unsigned char> bytes = c.stream->front(size);
    if (bytes.size() < size) {
        abort(c);
        return;
    }
    bytes = bytes.first(size);
    Head head;
    if (const Status status = parse_head(bytes, head); status != Status::none) {
        refuse_and_end(c, status);
        return;
    }
    c.served = true;
    c.since = 0;
    Status status = Status::none;
    CredentialSet challenge = 0;
    switch (decide_on(c, head, stage, status, challenge)) {
    case Verdict::allowed:
        pass_head(c, head, bytes);
        break;
    case Verdict::refused:
        surroundings::refused(*c.stream, status,
                              {reinterpret_cast<const char*>(bytes.data()) + head.skip, size - head.skip});
        refuse(c, head, size, status, challenge);
        break;
    case Verdict::wait:
        // What was rewritten must not be parsed from its old beginning again.
        c.phase = Phase::verifying;
        c.scanned = size - head.skip;
        c.stream->drop(head.skip);
        break;
    }
}

/// @param status    receives with what to refuse
/// @param challenge receives the credentials to ask for
Guard::Verdict Guard::decide_on(Connection& c, const Head& head, Stage stage, Status& status,
                                CredentialSet& challenge)
{
    const Access access = decide(settings_.policy, head.method, head.path);
    status = Status::uri_too_long;
    if (access.undecidable)
        return Verdict::refused;
    if (!access.open) {
        const Presentation shown = parse_authorization(head.authorization);
        status = access.accepted == 0 ? Status::forbidden : Status::unauthorized;
        challenge = access.accepted;
        if (shown.kind == Presentation::Kind::none)
            return Verdict::refused;
        status = Status::forbidden;
        challenge = 0;
        if (access.accepted == 0 || shown.kind == Presentation::Kind::invalid)
            return Verdict::refused;
        if (memory_.verifier.recall(shown, access.accepted) == 0) {
            if (stage == Stage::verified) {
                ++c.failures;
                return Verdict::refused;
            }
            if (stage == Stage::verifier_free) {
                memory_.verifier.begin(settings_.policy, shown, access.accepted);
                verified_for_ = &c;
                return Verdict::wait;
            }
            status = Status::service_unavailable;
            if (waiting_.size >= waiting_limit)
                return Verdict::refused;
            waiting_.push(c);
            has_work_ = true;
            return Verdict::wait;
        }
    }
    status = Status::content_too_large;
    const bool too_large = head.body == BodyKind::length && head.content_length > settings_.body_limit;
    return too_large ? Verdict::refused : Verdict::allowed;
}

void Guard::pass_head(Connection& c, const Head& head, std::span<const unsigned char> bytes)
{
    const bool to_head = equal_nocase(head.method, "HEAD");
    remember(c, head, bytes.subspan(head.skip));
    const BodyKind body = head.body;
    const std::uint64_t content_length = head.content_length;
    c.upgrade = head.upgrade;
    c.stream->drop(head.skip);
    c.stream->pass(bytes.size() - head.skip);
    begin_exchange(c, body, content_length, to_head);
}

void Guard::begin_exchange(Connection& c, BodyKind body, std::uint64_t content_length, bool to_head)
{
    c.phase = Phase::exchange;
    c.since = 0;
    c.scanned = 0;
    c.last = body != BodyKind::none && !settings_.reuse_after_body;
    c.body.start(body, content_length);
    c.response.start(to_head);
}

void Guard::remember(Connection& c, const Head& head, std::span<const unsigned char> bytes)
{
    if (bytes.size() > Memory::KnownHead::limit || head.upgrade || head.body != BodyKind::none)
        return;
    for (const Memory::KnownHead& known : memory_.heads) {
        if (known.size == bytes.size() && equal_words(known.bytes.data(), bytes.data(), bytes.size())) {
            c.known_head = &known;
            return;
        }
    }
    Memory::KnownHead& known = memory_.heads[memory_.next_head];
    memory_.next_head = static_cast<std::uint8_t>((memory_.next_head + 1) % memory_.heads.size());
    known.size = static_cast<std::uint16_t>(bytes.size());
    known.to_head = equal_nocase(head.method, "HEAD");
    std::copy(bytes.begin(), bytes.end(), known.bytes.begin());
    c.known_head = &known;
}

/// Passes or drops what is there of the body. True when it is complete.
bool Guard::move_body(Connection& c, bool pass)
{
    const std::uint64_t limit = pass ? settings_.body_limit : discard_limit;
    while (!c.body.done() && c.stream->held() != 0) {
        const std::span<const unsigned char> bytes = c.stream->front(1);
        const std::size_t taken = c.body.feed(bytes);
        const bool too_large = c.body.seen() > limit;
        const std::size_t rest = c.stream->held() - taken;
        if (pass && !too_large)
            c.stream->pass(taken);
        else
            c.stream->drop(taken);
        if (c.stream->held() != rest || bytes.empty()) {
            abort(c);  // memory is short
            return false;
        }
        if (!c.body.bad() && !too_large)
            continue;
        if (!pass)
            end(c);
        else if (c.response.untouched())
            refuse_and_end(c, too_large ? Status::content_too_large : Status::bad_request);
        else
            abort(c);
        return false;
    }
    if (!pass && !c.body.done() && c.stream->peer_closed())
        end(c);
    return c.body.done();
}

/// Answers in the application's place; the connection goes on if the body is small enough to be skipped.
void Guard::refuse(Connection& c, const Head& head, std::size_t size, Status status, CredentialSet challenge)
{
    const bool body_comes = head.body != BodyKind::none;
    const bool close = head.close || head.http_1_0 || c.failures >= failures_limit ||
                       (body_comes && head.expects_continue) || head.content_length > discard_limit ||
                       status == Status::uri_too_long;
    const BodyKind body = head.body;
    const std::uint64_t content_length = head.content_length;
    if (!answer(c, status, challenge, equal_nocase(head.method, "HEAD"), close))
        return;
    c.stream->drop(size);
    if (close) {
        end(c);
        return;
    }
    c.body.start(body, content_length);
    c.phase = Phase::discarding;
    c.scanned = 0;
}

void Guard::refuse_and_end(Connection& c, Status status)
{
    // In an exchange the head has passed, and what is held is a body.
    const std::size_t of_head = c.phase == Phase::exchange ? 0 : std::min<std::size_t>(c.stream->held(), 1);
    const std::span<const unsigned char> bytes = c.stream->front(of_head);
    surroundings::refused(*c.stream, status, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    if (answer(c, status, 0, false, true))
        end(c);
}

/// False, and the stream is aborted, when it cannot be sent.
bool Guard::answer(Connection& c, Status status, CredentialSet challenge, bool to_head, bool close)
{
    Answer::Form form{.status = status, .realm = settings_.realm, .close = close, .to_head = to_head};
    for (std::size_t i = 0; i < settings_.policy.credentials.size(); ++i) {
        if ((challenge >> i & 1) == 0)
            continue;
        (settings_.policy.credentials[i].scheme == Scheme::basic ? form.basic : form.bearer) = true;
    }
    if (c.stream->send(Answer(form).bytes()))
        return true;
    abort(c);
    return false;
}

void Guard::end(Connection& c)
{
    forget(c);
    c.phase = Phase::over;
    c.stream->finish();
}

void Guard::abort(Connection& c)
{
    forget(c);
    c.phase = Phase::over;
    c.stream->abort();
}

/// Takes it out of everything that poll() works on.
void Guard::forget(Connection& c)
{
    spent_.remove(c);
    if (c.phase == Phase::verifying)
        waiting_.remove(c);
    if (verified_for_ == &c) {
        verified_for_ = nullptr;
        memory_.verifier.cancel();
    }
}

}  // namespace u0::http_guard
