// SPDX-License-Identifier: Apache-2.0
// National Semiconductor PC16550D at the first serial port's usual address; no input, no interrupts.
#include "config.gen.hh"
#include "u0/cpu.hh"

namespace u0::serial_console
{
namespace
{

constexpr std::uint16_t port = 0x3f8;
enum : std::uint16_t {
    data = port,
    interrupts = port + 1,
    fifo = port + 2,
    line = port + 3,
    status = port + 5
};
constexpr unsigned transmitter_empty = 0x20;
constexpr unsigned fifo_depth = 16;
constexpr int longest_wait = 100'000;

bool started = false;
bool broken = false;  // no UART there, or one that takes no more

void start()
{
    constexpr unsigned divisor = static_cast<unsigned>(115200 / cfg::console::speed);
    cpu::outb(interrupts, 0);
    cpu::outb(line, 0x80);
    cpu::outb(data, divisor & 0xff);
    cpu::outb(interrupts, divisor >> 8);
    cpu::outb(line, 0x03);  // eight bits, no parity
    cpu::outb(fifo, 0x07);
    started = true;
    broken = cpu::inb(status) == 0xff;
}

void wait_until_empty()
{
    for (int i = 0; i < longest_wait; ++i)
        if (cpu::inb(status) & transmitter_empty)
            return;
    broken = true;
}

}  // namespace

void write(const char* bytes, std::size_t size)
{
    if (!started)
        start();
    unsigned room = 0;  // the status is read once for a FIFO's length, not for each byte: it costs an exit
    const auto put = [&room](char byte) {
        if (room == 0) {
            wait_until_empty();
            room = fifo_depth;
        }
        --room;
        cpu::outb(data, static_cast<std::uint8_t>(byte));
    };
    for (std::size_t i = 0; i < size && !broken; ++i) {
        if (bytes[i] == '\n')
            put('\r');
        put(bytes[i]);
    }
}

}  // namespace u0::serial_console
