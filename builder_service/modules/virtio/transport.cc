// SPDX-License-Identifier: Apache-2.0
#include "queue_layout.hh"
#include "u0/console.hh"
#include "u0/irq.hh"
#include "u0/memory.hh"
#include "u0/pci.hh"
#include "u0/virtio.hh"

namespace u0::virtio
{

/// virtio 1.1, section 4.1.4.3.
struct Device::Registers {
    std::uint32_t device_feature_select, device_feature, driver_feature_select, driver_feature;
    std::uint16_t config_msix_vector, num_queues;
    std::uint8_t device_status, config_generation;
    std::uint16_t queue_select, queue_size, queue_msix_vector, queue_enable, queue_notify_off;
    std::uint32_t queue_desc[2], queue_driver[2], queue_device[2];
};

namespace
{

enum : std::uint8_t { acknowledge = 1, driver = 2, driver_ok = 4, features_ok = 8 };
constexpr std::uint16_t no_vector = 0xffff;
constexpr unsigned vendor_capability = 9;
enum : unsigned { common_part = 1, notify_part = 2, device_part = 4 };

U0_SEALED_DATA std::uint64_t opened = 0;  // bit set of indices into pci::devices()

struct Part {
    volatile void* address = nullptr;
    std::size_t bytes = 0;
    unsigned capability = 0;
};

/// Section 4.1.4: where a part of the device's registers is.
U0_INIT_TEXT Part find_part(const pci::Device& device, unsigned type)
{
    for (auto at = pci::capability(device, vendor_capability); at;
         at = pci::capability(device, vendor_capability, *at)) {
        if (pci::read8(device, *at + 3) != type)
            continue;
        const std::uint32_t offset = pci::read32(device, *at + 8), length = pci::read32(device, *at + 12);
        constexpr std::uint32_t most = 1 << 20;
        const std::size_t bytes = length < most ? length : most;
        return {pci::map(device, pci::read8(device, *at + 4), offset, bytes), bytes, *at};
    }
    return {};
}

/// Section 4.1.2: 0x1040 + type, or for transitional devices the subsystem's id.
U0_INIT_TEXT bool is_type(const pci::Device& device, unsigned type)
{
    constexpr std::uint16_t vendor = 0x1af4;
    if (device.vendor != vendor)
        return false;
    if (device.device >= 0x1000 && device.device <= 0x103f)
        return pci::read16(device, 0x2e) == type;
    return device.device == 0x1040 + type;
}

U0_INIT_TEXT void write_address(volatile std::uint32_t (&registers)[2], const void* address)
{
    const std::uint64_t physical = memory::physical(address);
    registers[0] = static_cast<std::uint32_t>(physical);
    registers[1] = static_cast<std::uint32_t>(physical >> 32);
}

}  // namespace

U0_INIT_TEXT std::optional<Device> Device::open(unsigned type)
{
    const auto all = pci::devices();
    for (unsigned i = 0; i < all.size(); ++i) {
        if (opened >> i & 1 || !is_type(all[i], type))
            continue;
        opened |= std::uint64_t{1} << i;
        pci::enable(all[i]);
        const Part common = find_part(all[i], common_part), notify = find_part(all[i], notify_part);
        if (common.bytes < sizeof(Registers) || notify.bytes < 2)
            panic("virtio device of type {} has no virtio 1.0 interface: use a newer machine type", type);
        const Part configuration = find_part(all[i], device_part);
        Device device;
        device.registers_ = static_cast<volatile Registers*>(common.address);
        device.notify_ = static_cast<volatile unsigned char*>(notify.address);
        device.notify_size_ = notify.bytes;
        device.notify_multiplier_ = pci::read32(all[i], notify.capability + 16);
        device.configuration_ = static_cast<volatile unsigned char*>(configuration.address);
        device.configuration_size_ = configuration.bytes;
        device.type_ = type;
        device.pci_index_ = i;
        device.registers_->device_status = 0;
        while (device.registers_->device_status != 0) {
        }
        device.registers_->device_status = acknowledge;
        device.registers_->device_status = acknowledge | driver;
        return device;
    }
    return std::nullopt;
}

U0_INIT_TEXT std::uint64_t Device::negotiate(std::uint64_t wanted)
{
    std::uint64_t offered = 0;
    for (std::uint32_t half = 0; half < 2; ++half) {
        registers_->device_feature_select = half;
        offered |= std::uint64_t{registers_->device_feature} << 32 * half;
    }
    features_ = offered & (wanted | version_1 | event_idx);
    for (std::uint32_t half = 0; half < 2; ++half) {
        registers_->driver_feature_select = half;
        registers_->driver_feature = static_cast<std::uint32_t>(features_ >> 32 * half);
    }
    registers_->device_status = acknowledge | driver | features_ok;
    if (!(features_ & version_1) || !(registers_->device_status & features_ok))
        panic("virtio device of type {} refuses version 1 or the features {x}", type_, features_);
    return features_;
}

U0_INIT_TEXT Queue Device::queue(unsigned index, unsigned largest, unsigned vector)
{
    registers_->queue_select = static_cast<std::uint16_t>(index);
    unsigned size = registers_->queue_size;
    while (size > largest)
        size /= 2;  // a power of two it is (section 2.6)
    if (size == 0 || registers_->queue_enable)
        panic("virtio device of type {} has no queue {}", type_, index);
    registers_->queue_size = static_cast<std::uint16_t>(size);

    Queue queue;
    queue.size_ = queue.free_count_ = static_cast<std::uint16_t>(size);
    queue.index_ = static_cast<std::uint16_t>(index);
    queue.event_idx_ = features_ & event_idx;
    auto* memory =
        static_cast<unsigned char*>(memory::allocate_contiguous(pages_for(Queue::Layout(size).bytes)));
    queue.links_ = static_cast<std::uint16_t*>(kalloc(size * sizeof(std::uint16_t)));
    queue.room_ = static_cast<std::uint32_t*>(kalloc(size * sizeof(std::uint32_t)));
    if (!memory || !queue.links_ || !queue.room_)
        panic("out of memory for the queues of a virtio device of type {}", type_);
    queue.place(memory);

    write_address(registers_->queue_desc, queue.descriptors_);
    write_address(registers_->queue_driver, queue.available_);
    write_address(registers_->queue_device, const_cast<Queue::Used*>(queue.used_));
    if (vector && !msix_)
        msix_ = pci::enable_msix(pci::devices()[pci_index_], irq::message(vector));
    registers_->queue_msix_vector = vector ? 0 : no_vector;  // entry 0 of the table
    if (vector && (!msix_ || registers_->queue_msix_vector != 0))
        panic("virtio device of type {} has no MSI-X interrupt for queue {}", type_, index);
    const std::size_t offset = std::size_t{registers_->queue_notify_off} * notify_multiplier_;
    if (offset + 2 > notify_size_)
        panic("virtio device of type {}: notification outside of its registers", type_);
    queue.notify_ = reinterpret_cast<volatile std::uint16_t*>(notify_ + offset);
    registers_->queue_enable = 1;
    queue.disarm();
    return queue;
}

U0_INIT_TEXT void Device::start()
{
    registers_->device_status = acknowledge | driver | features_ok | driver_ok;
}

U0_INIT_TEXT void Device::read_configuration(std::size_t offset, void* out, std::size_t bytes) const
{
    for (std::size_t i = 0; i < bytes; ++i)
        static_cast<unsigned char*>(out)[i] =
            offset + i < configuration_size_ ? configuration_[offset + i] : std::uint8_t{0};
}

}  // namespace u0::virtio
