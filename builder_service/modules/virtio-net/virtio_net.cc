// SPDX-License-Identifier: Apache-2.0
// Virtio 1.1, section 5.1, with one pair of queues.  Received frames are passed on where the device wrote
// them; sent ones are read where the stack keeps them.
#include "checksum.hh"
#include "config.gen.hh"
#include "u0/console.hh"
#include "u0/irq.hh"
#include "u0/memory.hh"
#include "u0/network_device.hh"
#include "u0/virtio.hh"

namespace u0::network_device
{
namespace
{

using virtio_net::ChecksumPlace;
constexpr unsigned network_card = 1;
constexpr unsigned receive_queue = 0, send_queue = 1;
enum : std::uint64_t { checksums_to_device = 1, checksums_to_driver = 2, has_mtu = 8, has_address = 32 };

/// Section 5.1.6, always with num_buffers for version 1.
struct Header {
    std::uint8_t flags = 0, segmentation = 0;
    std::uint16_t header_length = 0, segment_size = 0, checksum_start = 0, checksum_offset = 0, buffers = 0;
};
static_assert(sizeof(Header) == driver_room);
enum : std::uint8_t { needs_checksum = 1, data_valid = 2 };
constexpr std::size_t ethernet_header = 14;

U0_SEALED_DATA Properties card{};
U0_SEALED_DATA std::size_t buffer_size = 0;
U0_SEALED_DATA std::size_t wanted_buffers = 0;  // in the device's hands
U0_SEALED_DATA std::size_t least_buffers = 0;   // there, before a frame's buffer is wanted back
U0_SEALED_DATA std::size_t most_buffers = 0;    // with those that the stack holds
std::size_t buffers_in_use = 0;
U0_SEALED_DATA unsigned char** received = nullptr;  // by head: the buffer the device was given
U0_SEALED_DATA void** sent = nullptr;               // by head: the sender's token
U0_SEALED_DATA Header* headers = nullptr;           // by a frame's head: its header
U0_SEALED_DATA std::uint64_t headers_physical = 0;
virtio::Queue receiving, sending;

void offer(unsigned char* buffer)
{
    const virtio::Buffer offered[] = {
        {memory::physical(buffer + owner_room), static_cast<std::uint32_t>(buffer_size - owner_room), true}};
    received[*receiving.add(offered)] = buffer;
}

std::size_t buffers_in_device()
{
    return receiving.size() - receiving.free_descriptors();
}

bool more_wanted()
{
    return buffers_in_device() < wanted_buffers;
}

/// Beyond its own, the device gets buffers for those that the stack holds.
bool more_allowed()
{
    return buffers_in_use < wanted_buffers ||
           (buffers_in_use < most_buffers && memory::spare_pages(memory::Taker::input) > 0);
}

/// Keeps the device supplied, as far as those leave buffers over who hold frames (peers send, the application
/// does not read).
void refill()
{
    while (more_wanted() && more_allowed()) {
        auto* buffer = static_cast<unsigned char*>(kalloc(buffer_size));
        if (!buffer)
            return;
        offer(buffer);
        ++buffers_in_use;
    }
}

/// Whether the device has few buffers left and there are no others.
bool runs_short()
{
    if (buffers_in_device() >= least_buffers)
        return false;
    refill();
    return buffers_in_device() < least_buffers;
}

template <typename Item>
U0_INIT_TEXT Item* table(std::size_t count)
{
    auto* items = static_cast<Item*>(kalloc(count * sizeof(Item)));
    if (!items)
        panic("out of memory for the network card's tables");
    for (std::size_t i = 0; i < count; ++i)
        items[i] = Item{};
    return items;
}

U0_INIT_TEXT void read_properties(const virtio::Device& device, std::uint64_t features)
{
    card.present = true;
    card.completes_checksums = features & checksums_to_device;
    if (features & has_address) {
        device.read_configuration(0, card.address.data(), card.address.size());
    } else {
        card.address = {0x52, 0x54, 0, 0, 0, 1};
    }
    if (features & has_mtu) {
        std::uint16_t mtu = 0;
        device.read_configuration(10, &mtu, sizeof mtu);
        card.mtu = mtu < 68 ? 68 : mtu > 9000 ? 9000 : mtu;
    }
}

}  // namespace

const Properties& properties()
{
    return card;
}

std::optional<Frame> receive()
{
    if (!card.present)
        return std::nullopt;
    receiving.disarm();
    while (const auto finished = receiving.take()) {
        unsigned char* const buffer = received[finished->head];
        if (finished->bytes < sizeof(Header) + ethernet_header) {
            release(buffer);
            continue;
        }
        const auto* header = reinterpret_cast<const Header*>(buffer + owner_room);
        return Frame{.buffer = buffer,
                     .bytes = buffer + owner_room + sizeof(Header),
                     .size = finished->bytes - static_cast<std::uint32_t>(sizeof(Header)),
                     .checksum_verified = (header->flags & (needs_checksum | data_valid)) != 0,
                     .wanted_back = runs_short()};
    }
    return std::nullopt;
}

void release(unsigned char* buffer)
{
    if (more_wanted())
        return offer(buffer);
    kfree(buffer);
    --buffers_in_use;
}

bool send(std::span<const std::span<const unsigned char>> parts, bool driver_room_before, void* token)
{
    if (parts.empty() || parts.size() > most_parts || sending.free_descriptors() < parts.size() + 1)
        return false;
    auto* const head = const_cast<unsigned char*>(parts[0].data());
    Header header;
    if (card.completes_checksums) {
        if (const auto place = virtio_net::prepare_checksum({head, parts[0].size()})) {
            header.flags = needs_checksum;
            header.checksum_start = place->start;
            header.checksum_offset = place->offset;
        }
    }
    virtio::Buffer buffers[most_parts + 1];
    std::size_t count = 0;
    const auto add = [&buffers, &count](std::uint64_t physical, std::size_t bytes) {
        buffers[count++] = {physical, static_cast<std::uint32_t>(bytes), false};
    };
    if (driver_room_before) {
        __builtin_memcpy(head - sizeof header, &header, sizeof header);
        add(memory::physical(head - sizeof header), sizeof header + parts[0].size());
    } else {
        // The slot is that of the chain's head, which nobody else has while the frame is under way.
        const std::uint16_t slot = sending.next_head();
        headers[slot] = header;
        add(headers_physical + slot * sizeof header, sizeof header);
        add(memory::physical(head), parts[0].size());
    }
    for (std::size_t i = 1; i < parts.size(); ++i)
        add(memory::physical(parts[i].data()), parts[i].size());
    sent[*sending.add({buffers, count})] = token;
    return true;
}

void* finished()
{
    if (!card.present)
        return nullptr;
    const auto done = sending.take();
    return done ? sent[done->head] : nullptr;
}

void flush()
{
    if (!card.present)
        return;
    sending.kick();
    refill();
    receiving.kick();
}

}  // namespace u0::network_device

namespace u0::virtio_net
{

U0_INIT_TEXT void init()
{
    using namespace network_device;
    auto device = virtio::Device::open(network_card);
    if (!device)
        return;
    const std::uint64_t features =
        device->negotiate(checksums_to_device | checksums_to_driver | has_mtu | has_address);
    read_properties(*device, features);
    const unsigned vector = irq::allocate();
    constexpr auto queue_size = static_cast<unsigned>(cfg::virtio_net::queue_size);
    receiving = device->queue(receive_queue, queue_size, vector);
    sending = device->queue(send_queue, queue_size, 0);
    received = table<unsigned char*>(receiving.size());
    sent = table<void*>(sending.size());
    headers = static_cast<Header*>(memory::allocate_contiguous(pages_for(sending.size() * sizeof(Header))));
    if (!headers)
        panic("out of memory for the network card's tables");
    headers_physical = memory::physical(headers);

    buffer_size = owner_room + sizeof(Header) + ethernet_header + card.mtu;
    // At most an eighth of what memory is left goes into frames that may never come.
    const std::size_t affordable = memory::free_pages() * page_size / 8 / buffer_size;
    wanted_buffers = static_cast<std::size_t>(cfg::virtio_net::receive_buffers);
    wanted_buffers = wanted_buffers < affordable ? wanted_buffers : affordable;
    wanted_buffers = wanted_buffers < receiving.size() ? wanted_buffers : receiving.size();
    least_buffers = wanted_buffers / 2;
    most_buffers = wanted_buffers + 2 * affordable;
    if (wanted_buffers < 4)
        panic("out of memory: {} KiB are too little for the network",
              memory::free_pages() * page_size / 1024);
    device->start();
    flush();
}

bool pending()
{
    return network_device::card.present && network_device::receiving.pending();
}

bool arm()
{
    using namespace network_device;
    if (!card.present)
        return false;
    flush();
    return receiving.arm();
}

}  // namespace u0::virtio_net
