// SPDX-License-Identifier: Apache-2.0
#include "answer.hh"
#include "guard.hh"
#include "sealed_policy.hh"
#include "text.hh"

#include "config.gen.hh"

#include "u0/clock.hh"
#include "u0/console.hh"
#include "u0/memory.hh"
#include "u0/random.hh"

// This file is compiled anew whenever an option changes, so heavy headers stay out of it.

/// The module: its sealed configuration, and the hooks by which it is woven in.
namespace u0::http_guard
{

namespace
{

namespace cfg = u0::cfg::http_guard;

constexpr auto credentials = seal_credentials(cfg::credentials);
constexpr auto resources = seal_resources(cfg::resources, cfg::credentials);

constexpr Settings settings{
    .policy = {.unlisted_allowed = cfg::unlisted == cfg::T_unlisted::allow,
               .credentials = credentials,
               .resources = resources},
    .realm = cfg::realm,
    .head_limit = static_cast<std::size_t>(cfg::head_limit),
    .head_timeout_ns = static_cast<std::uint64_t>(cfg::head_timeout) * 1'000'000'000,
    .body_limit = static_cast<std::uint64_t>(cfg::body_limit),
    .reuse_after_body = cfg::reuse_after_body,
};

constinit Memory memory;
constinit Guard guard(settings, memory);

bool guarded(const Stream& stream)
{
    for (const auto port : cfg::ports)
        if (port == stream.local_port())
            return true;
    return cfg::ports.empty();
}

/// At most this many lines a second, so that refusals cannot drown other messages or slow the machine down.
class LineBudget
{
public:
    bool take()
    {
        const Nanoseconds now = monotonic_ns();
        if (now - begin_ >= 1'000'000'000) {
            begin_ = now;
            left_ = 10;
        }
        return left_ != 0 && left_-- != 0;
    }

private:
    Nanoseconds begin_ = 0;
    unsigned left_ = 10;
};

}  // namespace

namespace surroundings
{

void* allocate(std::size_t bytes)
{
    return kalloc(bytes);
}

void release(void* block)
{
    kfree(block);
}

void refused(const Stream& stream, Status status, std::string_view head)
{
    if constexpr (cfg::audit) {
        static LineBudget budget;  // not constinit: g++ 12 refuses that in a discarded statement
        if (!budget.take())
            return;
        std::array<char, 96> shown;  // what is not printable as '?'
        std::size_t size = 0;
        for (const char c : presentable(head).substr(0, shown.size()))
            shown[size++] = c >= ' ' && c < '\x7f' ? c : '?';
        log("http-guard: {} for \"{}\" on connection {}", status_text(status),
            std::string_view(shown.data(), size), stream.id());
    }
}

}  // namespace surroundings

void start()
{
    Digest key;
    random_fill(key.data(), key.size());
    guard.seed(key);
    log("http-guard: {} resources, {} credentials, unlisted {}", resources.size(), credentials.size(),
        settings.policy.unlisted_allowed ? "allowed" : "denied");
}

bool accept(Stream&)
{
    return true;  // the state is made when the first byte comes
}

void input(Stream& stream)
{
    if (guarded(stream))
        guard.input(stream);
    else
        stream.pass(stream.held());
}

void output(Stream& stream, const unsigned char* bytes, std::size_t size)
{
    if (guarded(stream))
        guard.output(stream, {bytes, size});
}

void tick(Stream& stream, std::uint64_t now_ns)
{
    if (guarded(stream))
        guard.tick(stream, now_ns);
}

void close(Stream& stream)
{
    guard.close(stream);
}

bool poll()
{
    return guard.poll();
}

}  // namespace u0::http_guard
