// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <span>

#include "u0/types.hh"

/// What a driver that provides `network-device` defines and a protocol stack calls: frames of Ethernet (IEEE
/// 802.3) without their check sequence.  Direct calls, resolved at link time: one driver in an image.  After
/// boot.init; not from interrupts.
namespace u0::network_device
{

struct Properties {
    bool present = false;
    std::array<std::uint8_t, 6> address{};  ///< of the card
    unsigned mtu = 1500;                    ///< largest payload of a frame
    bool completes_checksums = false;       ///< send() fills in TCP's and UDP's checksum (IPv4)
};
const Properties& properties();

/// Room of the receiver's own before the first byte of a received frame's buffer.
inline constexpr std::size_t owner_room = 64;

/// A received frame.  Its buffer begins at `buffer`, with owner_room bytes for whoever holds it, and is his
/// until release().
struct Frame {
    unsigned char* buffer;
    unsigned char* bytes;
    std::uint32_t size;
    bool checksum_verified;  ///< TCP's or UDP's is right, or was never on a wire
    bool wanted_back;        ///< the card runs out of buffers: whoever keeps the frame does so in a copy
};

std::optional<Frame> receive();
void release(unsigned char* buffer);

/// Bytes that a driver may want before a frame: with them it need not tell the device of two places.
inline constexpr std::size_t driver_room = 12;

/// Of a frame that is sent.
inline constexpr std::size_t most_parts = 16;

/// Queues a frame; its parts (at most most_parts, in the image, kernel heap or other memory with contiguous
/// physical pages) stay as they are until finished() returns `token`.  `driver_room_before`: the driver_room
/// bytes before the first part are the driver's as well.  False when there is no room: try again after
/// finished().
bool send(std::span<const std::span<const unsigned char>> parts, bool driver_room_before, void* token);

/// Token of a frame that is sent, or nullptr.
void* finished();

/// Ends a round of work: gives the device new buffers and tells it of queued frames, once for all.
void flush();

}  // namespace u0::network_device
