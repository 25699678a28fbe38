// SPDX-License-Identifier: Apache-2.0
#include "answer.hh"
#include "guard.hh"
#include "text.hh"

#include "u0/clock.hh"
#include "u0/console.hh"
#include "u0/memory.hh"
#include "u0/random.hh"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// The module: the guard with its sealed settings, and the hooks by which it is woven in.
namespace u0::http_guard
{

namespace
{

constinit Memory memory;
constinit Guard guard(sealed_settings, memory);

bool guarded(const Stream& stream)
{
    if (sealed_settings.ports.empty())
        return true;
    for (const auto port : sealed_settings.ports)
        if (port == stream.local_port())
            return true;
    return false;
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
    static constinit LineBudget budget;
    if (!sealed_settings.audit || !budget.take())
        return;
    std::array<char, 96> shown;  // what is not printable as '?'
    std::size_t size = 0;
    for (const char c : presentable(head).substr(0, shown.size()))
        shown[size++] = c >= ' ' && c < '\x7f' ? c : '?';
    log("http-guard: {} for \"{}\" on connection {}", status_text(status),
        std::string_view(shown.data(), size), stream.id());
}

}  // namespace surroundings

void start()
{
    Digest key;
    random_fill(key.data(), key.size());
    guard.seed(key);
    const Policy& policy = sealed_settings.policy;
    log("http-guard: {} resources, {} credentials, unlisted {}", policy.resources.size(),
        policy.credentials.size(), policy.unlisted_allowed ? "allowed" : "denied");
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
