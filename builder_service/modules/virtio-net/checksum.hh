// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "u0/types.hh"

namespace u0::virtio_net
{

/// Where a frame's transport checksum is, for VIRTIO_NET_HDR_F_NEEDS_CSUM (virtio 1.1, section 5.1.6.2).
struct ChecksumPlace {
    std::uint16_t start, offset;  ///< first byte summed, and the field's place from there
};

/// For a frame of unfragmented IPv4 with TCP or UDP: puts the pseudo header's sum (folded, not inverted) into
/// the checksum field and tells where that is.  Nothing for other frames, which are left as they are.
/// `head`: the frame's first part, which holds all headers.
std::optional<ChecksumPlace> prepare_checksum(std::span<unsigned char> head);

}  // namespace u0::virtio_net
