// SPDX-License-Identifier: Apache-2.0
#include "boot.hh"

#include "clock.hh"
#include "heap.hh"
#include "hooks.gen.hh"
#include "idle.hh"
#include "interrupts.hh"
#include "paging.hh"
#include "physical.hh"
#include "random.hh"
#include "u0/clock.hh"
#include "u0/console.hh"
#include "u0/power.hh"

namespace u0
{
namespace
{

/// All that is unmapped afterwards.
U0_INIT_TEXT void prepare(BootProtocol protocol, const void* information)
{
    interrupts::init();
    const auto regions = read_bootinfo(protocol, information);
    physical::init(regions);
    paging::init(regions, random_init());
    heap_init();
    idle_init();
    log("{} {} MiB", bootinfo().image_name, (bootinfo().memory_bytes + (1 << 20) - 1) >> 20);
    clock_init();
    interrupts::init_controller();
    hooks::boot_buses();
    random_seed_from_devices();  // before anybody draws what is to stay secret
    hooks::boot_init();
    interrupts::calibrate_timer();
}

}  // namespace
}  // namespace u0

extern "C" [[noreturn]] void u0_boot(std::uint32_t protocol, std::uint32_t information)
{
    using namespace u0;
    prepare(static_cast<BootProtocol>(protocol), reinterpret_cast<const void*>(std::uintptr_t{information}));
    paging::seal();
    const bool admitted = hooks::boot_admit.all();
    if (admitted)
        log("sealed");
    hooks::boot_start();
    if (hooks::application.empty() || !admitted)
        for (;;)
            idle();
    int status = 0;
    hooks::application.each([&status](auto run) { status = run(); });
    shutdown(status);
}
