// SPDX-License-Identifier: Apache-2.0
// Optional at run time: a machine without the device boots, with what other sources there are.
#include "u0/clock.hh"
#include "u0/console.hh"
#include "u0/memory.hh"
#include "u0/random.hh"
#include "u0/virtio.hh"

namespace u0::virtio_rng
{
namespace
{

constexpr unsigned entropy_device = 4;
constexpr Nanoseconds patience = 100'000'000;  // the host may ration

}  // namespace

U0_INIT_TEXT std::size_t seed(unsigned char* out, std::size_t size)
{
    auto device = virtio::Device::open(entropy_device);
    if (!device) {
        if (!random_well_seeded())
            log("no virtio-rng device and no RDRAND: random numbers rest on timing alone");
        return 0;
    }
    device->negotiate(0);
    virtio::Queue queue = device->queue(0, 8, 0);
    device->start();
    auto* buffer = static_cast<unsigned char*>(kalloc(size));
    if (!buffer)
        return 0;
    const virtio::Buffer offered[] = {{memory::physical(buffer), static_cast<std::uint32_t>(size), true}};
    queue.add(offered);
    queue.kick();
    const Nanoseconds until = monotonic_ns() + patience;
    while (monotonic_ns() < until) {
        if (const auto finished = queue.take()) {
            __builtin_memcpy(out, buffer, finished->bytes);
            __builtin_memset(buffer, 0, size);
            kfree(buffer);
            return finished->bytes;
        }
    }
    return 0;  // the buffer stays the device's
}

}  // namespace u0::virtio_rng
