// SPDX-License-Identifier: Apache-2.0
// The card as lwIP's interface: frames go in and out without a copy, save small ones that come in, and all
// that come in while the card has few buffers left.
#include <cstring>
#include <string_view>
#include <utility>

#include "connections.hh"
#include "hooks.gen.hh"
#include "limits.hh"
#include "lwip_api.hh"
#include "u0/clock.hh"
#include "u0/cmdline.hh"
#include "u0/console.hh"
#include "u0/net.hh"
#include "u0/network_device.hh"

namespace u0::net
{
namespace
{

constexpr int frames_per_round = 64;  // then the application has its turn
/// A frame up to this size is copied, and its buffer free at once: small segments must not hold large
/// buffers.
constexpr std::size_t copied_size = 256;
constexpr unsigned least_mtu = 68;  // RFC 791

netif card{};

/// lwIP's description of a received frame, at the start of the frame's own buffer.
struct ReceivedFrame {
    pbuf_custom description;
    static void free(pbuf* packet) { network_device::release(reinterpret_cast<unsigned char*>(packet)); }
};
static_assert(sizeof(ReceivedFrame) <= network_device::owner_room);

/// Packets for which the card had no room yet.
class Backlog
{
public:
    bool empty() const { return count_ == 0; }
    bool full() const { return count_ == capacity; }
    pbuf* front() const { return packets_[first_]; }
    void push(pbuf* packet) { packets_[(first_ + count_++) % capacity] = packet; }
    void pop()
    {
        first_ = (first_ + 1) % capacity;
        --count_;
    }

private:
    static constexpr std::size_t capacity = 512;
    pbuf* packets_[capacity]{};
    std::size_t first_ = 0, count_ = 0;
};
Backlog backlog;

/// Whether every part lies in the kernel heap, where addresses that follow each other do so for the device
/// too.
bool sendable(const pbuf* packet)
{
    std::size_t parts = 0;
    for (; packet; packet = packet->next)
        if (++parts > network_device::most_parts ||
            (!(packet->type_internal & PBUF_TYPE_FLAG_STRUCT_DATA_CONTIGUOUS) &&
             !(packet->flags & PBUF_FLAG_IS_CUSTOM)))
            return false;
    return true;
}

/// The packet is the device's until network_device::finished() returns it.
bool hand_over(pbuf* packet)
{
    const std::span<const unsigned char> head{static_cast<const unsigned char*>(packet->payload),
                                              packet->len};
    const auto* const lowest =
        reinterpret_cast<const unsigned char*>(packet) + LWIP_MEM_ALIGN_SIZE(sizeof(pbuf));
    const bool room_before = (packet->type_internal & PBUF_TYPE_FLAG_STRUCT_DATA_CONTIGUOUS) &&
                             head.data() >= lowest + network_device::driver_room;
    if (!packet->next)
        return network_device::send({&head, 1}, room_before, packet);
    std::span<const unsigned char> parts[network_device::most_parts] = {head};
    std::size_t count = 1;
    for (const pbuf* part = packet->next; part; part = part->next)
        if (part->len)
            parts[count++] = {static_cast<const unsigned char*>(part->payload), part->len};
    return network_device::send({parts, count}, room_before, packet);
}

void send_backlog()
{
    while (!backlog.empty() && hand_over(backlog.front()))
        backlog.pop();
}

void reclaim_sent()
{
    while (void* token = network_device::finished())
        pbuf_free(static_cast<pbuf*>(token));
}

err_t output(netif*, pbuf* packet)
{
    if (sendable(packet))
        pbuf_ref(packet);
    else if (!(packet = pbuf_clone(PBUF_RAW, PBUF_RAM, packet)))
        return ERR_MEM;
    if (backlog.empty() && hand_over(packet))
        return ERR_OK;
    reclaim_sent();
    send_backlog();
    if (backlog.empty() && hand_over(packet))
        return ERR_OK;
    if (backlog.full()) {
        pbuf_free(packet);
        return ERR_MEM;
    }
    backlog.push(packet);
    return ERR_OK;
}

/// Whether nobody keeps anything of the frame: ARP, and TCP segments without data.
bool is_transient(const network_device::Frame& frame)
{
    constexpr std::size_t ip = 14, least = ip + 40;
    const unsigned char* const at = frame.bytes;
    if (frame.size < least || at[12] != 0x08)
        return false;
    if (at[13] == 0x06)
        return true;
    const std::size_t ip_header = (at[ip] & 15u) * 4u, total = at[ip + 2] * 256u + at[ip + 3];
    if (at[13] != 0x00 || at[ip + 9] != IP_PROTO_TCP || frame.size < ip + ip_header + 20)
        return false;
    return total == ip_header + (at[ip + ip_header + 12] >> 4) * 4u;
}

pbuf* make_packet(const network_device::Frame& frame)
{
    if (frame.size <= copied_size || frame.wanted_back) {
        pbuf* packet = frame.size <= copied_size || room_for_input()
                           ? pbuf_alloc(PBUF_RAW, static_cast<u16_t>(frame.size), PBUF_RAM)
                           : nullptr;
        if (packet)
            std::memcpy(packet->payload, frame.bytes, frame.size);
        // Without memory: what gives memory back (acknowledgements, resets) is looked at where it lies.
        if (packet || !is_transient(frame)) {
            network_device::release(frame.buffer);
            return packet;
        }
    }
    auto* own = reinterpret_cast<ReceivedFrame*>(frame.buffer);
    own->description.custom_free_function = ReceivedFrame::free;
    const auto size = static_cast<u16_t>(frame.size);
    return pbuf_alloced_custom(PBUF_RAW, size, PBUF_REF, &own->description, frame.bytes, size);
}

void verify_checksums(bool on)
{
    constexpr u16_t checks = NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;
    card.chksum_flags = static_cast<u16_t>(on ? card.chksum_flags | checks : card.chksum_flags & ~checks);
}

bool looping = false;

/// Delivers what an interface has queued for itself until now. Not netif_poll(): that goes on until nothing
/// is queued, and two connections that answer each other never let it return.
void deliver_queued(netif& interface)
{
    pbuf* queue = std::exchange(interface.loop_first, nullptr);
    interface.loop_last = nullptr;
    interface.loop_cnt_current = 0;
    while (queue) {
        pbuf *packet = queue, *last = queue;
        while (last->len != last->tot_len)
            last = last->next;
        queue = std::exchange(last->next, nullptr);
        packet->if_idx = netif_get_index(&interface);
        if (ip_input(packet, &interface) != ERR_OK)
            pbuf_free(packet);
    }
}

/// Packets to ourselves (127.0.0.1 and our own address): they were never on a wire.
bool loop_back()
{
    bool any = false;
    netif* interface = nullptr;
    NETIF_FOREACH(interface)
    {
        if (!interface->loop_first)
            continue;
        any = looping = true;
        verify_checksums(false);
        deliver_queued(*interface);
    }
    looping = false;
    return any;
}

void input(const network_device::Frame& frame)
{
    verify_checksums(!frame.checksum_verified);  // only what the device vouches for goes unverified
    pbuf* const packet = make_packet(frame);
    if (packet && card.input(packet, &card) != ERR_OK)
        pbuf_free(packet);
}

err_t start(netif* interface)
{
    const network_device::Properties& properties = network_device::properties();
    interface->name[0] = 'e';
    interface->name[1] = 'n';
    interface->mtu = static_cast<u16_t>(properties.mtu);
    interface->hwaddr_len = ETH_HWADDR_LEN;
    std::memcpy(interface->hwaddr, properties.address.data(), ETH_HWADDR_LEN);
    interface->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    interface->output = etharp_output;
    interface->linkoutput = output;
    const unsigned by_card =
        properties.completes_checksums ? NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_UDP : 0;
    NETIF_SET_CHECKSUM_CTRL(interface, static_cast<u16_t>(NETIF_CHECKSUM_ENABLE_ALL & ~by_card));
    return ERR_OK;
}

}  // namespace

U0_INIT_TEXT void init()
{
    lwip_init();
    connections_init();
    if (!network_device::properties().present)
        return;
    netif_add(&card, nullptr, nullptr, nullptr, nullptr, start, netif_input);
    netif_set_default(&card);
    // A host name is a view into the command line, lwIP wants it ended by a zero.
    static char host_name[64];
    if (const auto name = cmdline::value("net.host")) {
        std::memcpy(host_name, name->data(),
                    name->size() < sizeof host_name ? name->size() : sizeof host_name - 1);
        netif_set_hostname(&card, host_name);
    }
    netif_set_up(&card);
}

void send_written()
{
    hooks::network_output();
    send_backlog();
    network_device::flush();
}

bool poll()
{
    bool worked = false;
    send_written();  // before anything new is looked at: the device works on it meanwhile
    reclaim_sent();
    for (int i = 0; i < frames_per_round; ++i) {
        const auto frame = network_device::receive();
        if (!frame)
            break;
        input(*frame);
        worked = true;
    }
    worked = loop_back() || worked;
    sys_check_timeouts();
    send_backlog();
    network_device::flush();
    return worked;
}

Nanoseconds deadline()
{
    const u32_t wait = sys_timeouts_sleeptime();
    return wait == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? never : monotonic_ns() + wait * Nanoseconds{1'000'000};
}

/// Gives what was sent a moment to leave before the machine goes off.
void drain()
{
    const Nanoseconds until = monotonic_ns() + 20'000'000;
    do {
        reclaim_sent();
        send_written();
    } while (!backlog.empty() && monotonic_ns() < until);
}

netif* interface()
{
    return network_device::properties().present ? &card : nullptr;
}

void configure(std::uint32_t address, unsigned prefix, std::uint32_t gateway, std::uint32_t dns)
{
    const std::uint32_t bits = prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix);
    const ip4_addr_t ip{address}, mask{lwip_htonl(bits)}, router{gateway};
    netif_set_addr(&card, &ip, &mask, &router);
    if (dns) {
        const ip_addr_t server{dns};
        dns_setserver(0, &server);
    }
    const auto octet = [address](int i) { return address >> 8 * i & 0xff; };
    log("net {}.{}.{}.{}/{}", octet(0), octet(1), octet(2), octet(3), prefix);
}

void set_mtu(unsigned bytes)
{
    const unsigned most = network_device::properties().mtu;
    card.mtu = static_cast<u16_t>(bytes > most ? most : bytes < least_mtu ? least_mtu : bytes);
}

}  // namespace u0::net

/// Loopback addresses must not come from a wire (RFC 1122, 3.2.1.3 (g)). lwIP has not looked at the length.
int u0_lwip_drop_martian(pbuf* packet)
{
    const auto* const header = static_cast<const ip_hdr*>(packet->payload);
    if (u0::net::looping || packet->len < sizeof *header ||
        !(ip4_addr_isloopback(&header->dest) || ip4_addr_isloopback(&header->src)))
        return 0;
    pbuf_free(packet);
    return 1;
}
