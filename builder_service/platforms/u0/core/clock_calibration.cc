// SPDX-License-Identifier: Apache-2.0
// How fast the time stamp counter runs: from those who know, else measured against those who count.
#include "clock.hh"

#include "u0/acpi.hh"
#include "u0/cpu.hh"
#include "u0/memory.hh"

namespace u0
{
namespace
{

bool plausible(std::uint64_t frequency)
{
    return frequency >= 300'000'000 && frequency <= 10'000'000'000;
}

/// Intel SDM volume 2A, CPUID leaves 15H and 16H.
U0_INIT_TEXT std::uint64_t by_processor()
{
    const std::uint32_t last = cpu::cpuid(0).a;
    if (last >= 0x15) {
        const cpu::Cpuid ratio = cpu::cpuid(0x15);
        if (ratio.a && ratio.b && ratio.c)
            return std::uint64_t{ratio.c} * ratio.b / ratio.a;
    }
    return 0;
}

/// Leaf 0x40000010 holds kHz (VMware's, also KVM's with vmware-cpuid-freq); else KVM's clock page, Linux
/// Documentation/virt/kvm/x86/msr.rst, MSR_KVM_SYSTEM_TIME_NEW.
U0_INIT_TEXT std::uint64_t by_hypervisor()
{
    if (!(cpu::cpuid(1).c & 1u << 31))
        return 0;
    const cpu::Cpuid name = cpu::cpuid(0x40000000);
    if (name.a >= 0x40000010 && cpu::cpuid(0x40000010).a)
        return std::uint64_t{cpu::cpuid(0x40000010).a} * 1000;
    const bool is_kvm = name.b == 0x4b4d564b && name.c == 0x564b4d56 && name.d == 0x4d;  // "KVMKVMKVM"
    if (!is_kvm || !(cpu::cpuid(0x40000001).a & 1u << 3))
        return 0;
    struct ClockPage {
        std::uint32_t version, padding;
        std::uint64_t tsc, system_time;
        std::uint32_t multiplier;
        std::int8_t shift;
        std::uint8_t flags, padding2[2];
    };
    auto* page = static_cast<volatile ClockPage*>(memory::allocate_contiguous(1));
    if (!page)
        return 0;
    constexpr std::uint32_t system_time = 0x4b564d01;
    cpu::wrmsr(system_time, memory::physical(const_cast<const ClockPage*>(page)) | 1);
    const std::uint64_t multiplier = page->multiplier;
    const int shift = page->shift;
    cpu::wrmsr(system_time, 0);
    memory::free_contiguous(const_cast<ClockPage*>(page), 1);
    if (multiplier == 0 || shift < -16 || shift > 16)
        return 0;
    // ns = (counts << shift) * multiplier >> 32
    const std::uint64_t frequency = (std::uint64_t{1'000'000'000} << 32) / multiplier;
    return shift < 0 ? frequency << -shift : frequency >> shift;
}

struct Sample {
    std::uint64_t tsc;
    std::uint32_t timer;
};

/// ACPI 6.5, section 4.8.3.3: 24 bits at 3.579545 MHz.  Reads it between two readings of the counter and
/// keeps the tightest of three: an emulator may take its time over one.
U0_INIT_TEXT Sample sample_pm_timer(std::uint16_t port)
{
    Sample best{};
    std::uint64_t tightest = ~std::uint64_t{0};
    for (int i = 0; i < 3; ++i) {
        const std::uint64_t before = cpu::rdtsc();
        const std::uint32_t timer = cpu::inl(port) & 0xffffff;
        const std::uint64_t after = cpu::rdtsc();
        if (after - before < tightest) {
            tightest = after - before;
            best = {before + (after - before) / 2, timer};
        }
    }
    return best;
}

U0_INIT_TEXT std::uint64_t by_pm_timer()
{
    const acpi::Fadt* fadt = acpi::fadt();
    if (!fadt || fadt->pm_timer == 0 || fadt->pm_timer > 0xffff || fadt->pm_timer_length != 4)
        return 0;
    constexpr std::uint32_t counts = 3580;  // a millisecond
    const auto port = static_cast<std::uint16_t>(fadt->pm_timer);
    const Sample begin = sample_pm_timer(port);
    Sample end = begin;
    for (int i = 0; i < 1'000'000 && ((end.timer - begin.timer) & 0xffffff) < counts; ++i)
        end.timer = cpu::inl(port) & 0xffffff;
    end = sample_pm_timer(port);
    const std::uint64_t passed = (end.timer - begin.timer) & 0xffffff;
    return passed < counts ? 0 : (end.tsc - begin.tsc) * 3'579'545 / passed;
}

/// Intel 8254, channel 2 through port 0x61, 1.193182 MHz, 5 ms.
U0_INIT_TEXT std::uint64_t by_interval_timer()
{
    constexpr std::uint16_t counts = 5966;
    cpu::outb(0x61, static_cast<std::uint8_t>((cpu::inb(0x61) & ~2u) | 1u));
    cpu::outb(0x43, 0xb0);
    cpu::outb(0x42, counts & 0xff);
    cpu::outb(0x42, counts >> 8);
    const std::uint64_t begin = cpu::rdtsc();
    for (int i = 0; i < 1'000'000 && !(cpu::inb(0x61) & 0x20); ++i) {
    }
    return (cpu::rdtsc() - begin) * 1'193'182 / counts;
}

}  // namespace

U0_INIT_TEXT std::uint64_t tsc_frequency()
{
    for (const auto source : {by_processor, by_hypervisor, by_pm_timer})
        if (const std::uint64_t frequency = source(); plausible(frequency))
            return frequency;
    return by_interval_timer();
}

}  // namespace u0
