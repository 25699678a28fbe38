// SPDX-License-Identifier: Apache-2.0
#include "checksum.hh"

namespace u0::virtio_net
{
namespace
{

constexpr std::size_t ethernet_header = 14, least_ip_header = 20;
constexpr unsigned tcp = 6, udp = 17;

constexpr unsigned big_endian(const unsigned char* bytes)
{
    return bytes[0] * 256u + bytes[1];
}

}  // namespace

std::optional<ChecksumPlace> prepare_checksum(std::span<unsigned char> head)
{
    if (head.size() < ethernet_header + least_ip_header || big_endian(&head[12]) != 0x0800)
        return std::nullopt;
    const unsigned char* ip = &head[ethernet_header];
    const std::size_t ip_header = (ip[0] & 15u) * 4;
    const unsigned protocol = ip[9];
    const bool fragment = big_endian(ip + 6) & 0x3fff;
    const std::size_t offset = protocol == tcp ? 16 : 6;
    if (ip[0] >> 4 != 4 || fragment || (protocol != tcp && protocol != udp) ||
        head.size() < ethernet_header + ip_header + offset + 2 || big_endian(ip + 2) < ip_header)
        return std::nullopt;
    // RFC 9293, section 3.1: addresses, protocol, length of header and data.  The addresses as they lie
    // there: the sum does not depend on the order of bytes (RFC 1071, section 2 (B)).
    std::uint32_t addresses[2];
    __builtin_memcpy(addresses, ip + 12, sizeof addresses);
    const unsigned length = protocol + big_endian(ip + 2) - static_cast<unsigned>(ip_header);
    std::uint64_t sum =
        std::uint64_t{addresses[0]} + addresses[1] + __builtin_bswap16(static_cast<std::uint16_t>(length));
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    const auto folded = static_cast<std::uint16_t>(sum);
    __builtin_memcpy(&head[ethernet_header + ip_header + offset], &folded, sizeof folded);
    return ChecksumPlace{static_cast<std::uint16_t>(ethernet_header + ip_header),
                         static_cast<std::uint16_t>(offset)};
}

}  // namespace u0::virtio_net
