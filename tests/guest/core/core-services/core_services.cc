// SPDX-License-Identifier: Apache-2.0
#include "u0/bootinfo.hh"
#include "u0/clock.hh"
#include "u0/cmdline.hh"
#include "u0/console.hh"
#include "u0/random.hh"

namespace u0::core_services
{
namespace
{

void show_command_line()
{
    for (const char* key : {"alpha", "beta", "gamma"}) {
        const auto value = cmdline::value(key);
        log("{}: {}", key, value ? *value : "absent");
    }
    log("application: '{}'", cmdline::application());
}

/// Sleeps are never short, and not much too long for a machine that has nothing else to do.
bool sleeps_long_enough()
{
    bool right = true;
    for (const Nanoseconds wanted :
         {Nanoseconds{100'000}, Nanoseconds{5'000'000}, Nanoseconds{150'000'000}}) {
        const Nanoseconds begin = monotonic_ns();
        while (monotonic_ns() < begin + wanted)
            idle(begin + wanted);
        const Nanoseconds passed = monotonic_ns() - begin;
        right = right && passed >= wanted && passed < wanted + 500'000'000;
    }
    return right;
}

bool numbers_differ()
{
    std::uint64_t sum_of_bits = 0;
    for (int i = 0; i < 1000; ++i) {
        std::uint64_t number = random_u64();
        for (; number; number &= number - 1)
            ++sum_of_bits;
        if (random_u64() == random_u64())
            return false;
    }
    return sum_of_bits > 31'000 && sum_of_bits < 33'000;  // 32,000 expected, sigma 126
}

}  // namespace

/// Those who start draw their secrets.
void init()
{
    log("random at the start: {}", random_well_seeded() ? "well seeded" : "jitter only");
}

int run()
{
    show_command_line();
    log("clock: {}", sleeps_long_enough() ? "right" : "wrong");
    log("year: {}", 1970 + wall_ns() / 1'000'000'000 / 31'556'952);
    log("random: {}, {}", numbers_differ() ? "varied" : "dull",
        random_well_seeded() ? "well seeded" : "jitter only");
    return 0;
}

}  // namespace u0::core_services
