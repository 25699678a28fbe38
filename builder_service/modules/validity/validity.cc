// SPDX-License-Identifier: Apache-2.0
// An image that refuses to serve after its time. The application does not run again from then on; the machine
// stays on, resets who connects, and waits to be replaced or switched off (doc: validity.rst).
#include "utc.hh"

#include "config.gen.hh"

#include "u0/clock.hh"
#include "u0/console.hh"
#include "u0/memory.hh"
#include "u0/real_time_clock.hh"
#if __has_include("u0/stream.hh")
#include "u0/stream.hh"
#endif

namespace u0::validity
{
namespace
{

constexpr auto not_after = static_cast<std::uint64_t>(cfg::validity::not_after);
constexpr auto not_after_text = utc_text(not_after);
constexpr std::string_view limit(not_after_text.data(), not_after_text.size());
constexpr std::uint64_t second = 1'000'000'000, limit_ns = not_after * second;

constexpr std::size_t stack_pages = 4;
unsigned char* stack_top = nullptr;

std::uint64_t offset = 0;  // of the latest time ever seen from the monotonic clock
Nanoseconds next_look = 0;
bool over = false;

void take(std::uint64_t wall, Nanoseconds now)
{
    if (wall > now && wall - now > offset)
        offset = wall - now;
}

/// Reads the clock of the machine again: it goes on while the guest is paused or moved. A clock that was set
/// back changes nothing.
void look(Nanoseconds now)
{
    constexpr Nanoseconds soon = 1'000'000;
    const auto seconds = real_time_clock::read();
    if (seconds)
        take(*seconds * second, now);
    const std::uint64_t time = offset + now;
    over = time >= limit_ns;
    if (over)
        return;
    const Nanoseconds left = limit_ns - time, pause = seconds ? second : soon;
    next_look = now + (left < pause ? left : pause);
}

[[noreturn]] void stay()
{
    for (;;)
        idle();
}

/// Leaves whatever ran for good. Not on its stack: that may be the one of interrupts, on which the next
/// interrupt would write.
[[noreturn]] void refuse()
{
    log("validity: this image was valid until {}; it refuses to serve", limit);
    asm volatile("mov %0, %%rsp\n\txor %%ebp, %%ebp\n\tcall *%1" : : "r"(stack_top), "r"(&stay) : "memory");
    __builtin_unreachable();
}

}  // namespace

/// Point `boot.admit`.
bool admit()
{
    constexpr std::uint64_t year_2000 = 946'684'800 * second;  // before: no date
    auto* stack = static_cast<unsigned char*>(memory::map(stack_pages, Access::write));
    if (!stack)
        panic("validity: no memory for a stack of {} KiB", stack_pages * page_size / 1024);
    stack_top = stack + stack_pages * page_size;
    const std::uint64_t wall = wall_ns();
    const Nanoseconds now = monotonic_ns();
    take(wall, now);
    look(now);
    if (wall < year_2000) {
        over = true;
        log("validity: this machine has no clock that tells the date, and the image is valid until {} only; "
            "it refuses to serve",
            limit);
    } else if (over) {
        log("validity: this image was valid until {}; it refuses to serve", limit);
    } else {
        log("validity: this image is valid until {}", limit);
    }
    return !over;
}

/// Point `idle.poll`. What the other modules of the point do is complete before and after, never in between,
/// and the application is at rest: so nobody is left in the middle of something that is needed later.
bool poll()
{
    if (over)
        return false;
    if (const Nanoseconds now = monotonic_ns(); now >= next_look)
        look(now);
    if (over)
        refuse();
    return false;
}

/// Point `idle.deadline`.
Nanoseconds deadline()
{
    return over ? never : next_look;
}

#if __has_include("u0/stream.hh")

/// Point `stream.accept`.
bool accept(Stream&)
{
    return !over;
}

/// Point `stream.tick`.
void tick(Stream& stream, std::uint64_t)
{
    if (over)
        stream.abort();
}

#endif

}  // namespace u0::validity
