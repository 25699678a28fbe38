// SPDX-License-Identifier: Apache-2.0
// Descriptor tables (Intel SDM volume 3, chapters 3, 6 and 8) and the local APIC (chapter 11).
#include "interrupts.hh"

#include "hooks.gen.hh"
#include "layout.hh"
#include "u0/clock.hh"
#include "u0/console.hh"
#include "u0/cpu.hh"
#include "u0/irq.hh"
#include "u0/memory.hh"

extern "C" {
extern const char u0_vectors[];  // traps.S
extern std::uint64_t u0_gdt[];   // entry.S
void u0_trap(u0::TrapFrame* frame);
}

namespace u0
{
namespace
{

constexpr unsigned first_device = 32, timer_vector = 48, spurious_vector = 63, vector_count = 64;
constexpr unsigned interrupt_stack = 1, exception_stack = 2, emergency_stack = 3;  // IST numbers
constexpr Nanoseconds tick = 10'000'000;

struct [[gnu::packed]] TaskState {
    std::uint32_t reserved0;
    std::uint64_t rsp[3], reserved1, ist[7], reserved2;
    std::uint16_t reserved3, io_map;
};
struct Gate {
    std::uint16_t offset_low, selector;
    std::uint8_t stack, type;
    std::uint16_t offset_middle;
    std::uint32_t offset_high, reserved;
};
struct [[gnu::packed]] TablePointer {
    std::uint16_t limit;
    std::uint64_t base;
};

U0_SEALED_DATA TaskState task_state{};
U0_SEALED_DATA Gate gates[vector_count]{};

// Local APIC registers, as indices of 32-bit words.
enum : unsigned {
    apic_id = 0x20 / 4,
    apic_end_of_interrupt = 0xb0 / 4,
    apic_spurious = 0xf0 / 4,
    apic_timer = 0x320 / 4,
    apic_initial_count = 0x380 / 4,
    apic_current_count = 0x390 / 4,
    apic_divide = 0x3e0 / 4
};
U0_SEALED_DATA volatile std::uint32_t* apic = nullptr;
U0_SEALED_DATA volatile std::uint32_t* io_apic = nullptr;
U0_SEALED_DATA std::uint64_t counts_per_ms = 0;
U0_SEALED_DATA unsigned next_vector = first_device;
U0_SEALED_DATA Nanoseconds calibration_begin = 0;

std::uint64_t fired_vectors = 0;
bool sleeping = false;
Nanoseconds timer_due = never;  // when the timer interrupt comes; never: not armed

void arm(Nanoseconds now, Nanoseconds due)
{
    const Nanoseconds wait = due > now ? due - now : 0;
    constexpr Nanoseconds longest = 4'000'000'000;
    std::uint64_t counts = (wait < longest ? wait : longest) * counts_per_ms / 1'000'000;
    counts = counts == 0 ? 1 : counts > 0xffffffff ? 0xffffffff : counts;
    apic[apic_initial_count] = static_cast<std::uint32_t>(counts);
    timer_due = due;
}

U0_INIT_TEXT void write_io_apic(std::uint32_t number, std::uint32_t value)
{
    io_apic[0] = number;
    io_apic[4] = value;
}

}  // namespace

namespace interrupts
{

U0_INIT_TEXT void init()
{
    task_state.ist[interrupt_stack - 1] = address_of(interrupt_stack_top);
    task_state.ist[exception_stack - 1] = address_of(exception_stack_top);
    task_state.ist[emergency_stack - 1] = address_of(emergency_stack_top);
    task_state.io_map = sizeof task_state;
    const std::uint64_t base = address_of(&task_state);
    u0_gdt[3] = (sizeof task_state - 1) | (base & 0xffffff) << 16 | std::uint64_t{0x89} << 40 |
                (base >> 24 & 0xff) << 56;
    u0_gdt[4] = base >> 32;
    asm volatile("ltr %w0" : : "r"(0x18));

    for (unsigned vector = 0; vector < vector_count; ++vector) {
        const std::uint64_t stub = address_of(u0_vectors) + std::uint64_t{16} * vector;
        const bool emergency =
            vector == 2 || vector == 8 || vector == 18;  // NMI, double fault, machine check
        gates[vector] = {.offset_low = static_cast<std::uint16_t>(stub),
                         .selector = cpu::code_selector,
                         .stack = static_cast<std::uint8_t>(emergency                ? emergency_stack
                                                            : vector >= first_device ? interrupt_stack
                                                                                     : exception_stack),
                         .type = 0x8e,
                         .offset_middle = static_cast<std::uint16_t>(stub >> 16),
                         .offset_high = static_cast<std::uint32_t>(stub >> 32),
                         .reserved = 0};
    }
    const TablePointer pointer{sizeof gates - 1, address_of(gates)};
    asm volatile("lidt %0" : : "m"(pointer));
}

U0_INIT_TEXT void init_controller()
{
    cpu::outb(0x21, 0xff);
    cpu::outb(0xa1, 0xff);
    const std::uint64_t base = cpu::rdmsr(0x1b);
    cpu::wrmsr(0x1b, base | 1u << 11);  // enabled
    apic = static_cast<volatile std::uint32_t*>(memory::map_physical(base & 0xffffff000, page_size, true));
    apic[apic_spurious] = 0x100 | spurious_vector;
    apic[apic_divide] = 0x3;      // by 16
    apic[apic_timer] = 1u << 16;  // masked while it is measured
    apic[apic_initial_count] = 0xffffffff;
    calibration_begin = monotonic_ns();
}

U0_INIT_TEXT void calibrate_timer()
{
    // At least 50 us, most of which went by while drivers started.
    Nanoseconds passed;
    while ((passed = monotonic_ns() - calibration_begin) < 50'000) {
    }
    counts_per_ms = (0xffffffff - apic[apic_current_count]) * std::uint64_t{1'000'000} / passed;
    if (counts_per_ms == 0)
        panic("the processor's timer does not run");
    apic[apic_timer] = timer_vector;
    arm(monotonic_ns(), monotonic_ns() + tick);  // for a program that never waits
}

void sleep(Nanoseconds until)
{
    // A timer that is due sooner is left alone: one wake-up too many costs less than setting it each time.
    if (timer_due > until)
        arm(monotonic_ns(), until);
    sleeping = true;
    asm volatile("sti; hlt; cli" : : : "memory");
    sleeping = false;
}

}  // namespace interrupts

namespace irq
{

U0_INIT_TEXT unsigned allocate()
{
    if (next_vector == timer_vector)
        panic("more than {} interrupt vectors wanted", timer_vector - first_device);
    return next_vector++;
}

Message message(unsigned vector)
{
    return {.address = 0xfee00000 | (apic[apic_id] >> 24) << 12, .data = vector};
}

U0_INIT_TEXT void route_line(unsigned global_interrupt, unsigned vector, bool level, bool active_low)
{
    if (!io_apic)
        io_apic = static_cast<volatile std::uint32_t*>(memory::map_physical(0xfec00000, page_size, true));
    write_io_apic(0x11 + 2 * global_interrupt, apic[apic_id]);
    write_io_apic(0x10 + 2 * global_interrupt, vector | (active_low ? 1u << 13 : 0) | (level ? 1u << 15 : 0));
}

void expect_tick()
{
    const Nanoseconds due = monotonic_ns() + tick;
    if (timer_due > due)
        arm(due - tick, due);
}

bool fired(unsigned vector)
{
    const std::uint64_t bit = std::uint64_t{1} << vector;
    const bool was = fired_vectors & bit;
    fired_vectors &= ~bit;
    return was;
}

}  // namespace irq
}  // namespace u0

void u0_trap(u0::TrapFrame* frame)
{
    using namespace u0;
    if (frame->vector < first_device)
        return handle_exception(*frame);
    if (frame->vector != spurious_vector) {
        fired_vectors |= std::uint64_t{1} << frame->vector;
        apic[apic_end_of_interrupt] = 0;
    }
    if (frame->vector == timer_vector)
        timer_due = never;
    if (sleeping) {
        frame->flags &= ~std::uint64_t{0x200};  // a level-triggered line fires until poll() has served it
        return;
    }
    // Application code was interrupted, libos was not: the network lives on beside a busy program.
    poll();
    if (frame->vector == timer_vector) {
        arm(monotonic_ns(), monotonic_ns() + tick);
        hooks::application_tick(*frame);
    }
}
