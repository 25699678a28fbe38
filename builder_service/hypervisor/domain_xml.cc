// SPDX-License-Identifier: Apache-2.0
#include "builder_service/hypervisor/hypervisor.hh"

#include <algorithm>
#include <array>

#include <arpa/inet.h>

#include "builder_service/hypervisor/metadata.hh"

namespace unikernel
{

namespace
{

constexpr std::uint32_t memory_limit_mib = 1U << 20;  ///< 1 TiB; beyond is a typing error

Failure invalid(std::string text)
{
    return {FailureKind::invalid, std::move(text)};
}

bool has_device(const InstanceSpec& spec, std::string_view device)
{
    const auto devices = spec.description.value("devices", nlohmann::json::array());
    return std::find(devices.begin(), devices.end(), device) != devices.end();
}

/// An image may use a device that it does without: its driver is a module, and the device no demand.
bool has_module(const InstanceSpec& spec, std::string_view name)
{
    const auto modules = spec.description.value("modules", nlohmann::json::array());
    return std::any_of(modules.begin(), modules.end(), [name](const nlohmann::json& module) {
        return module.is_object() && module.value("name", "") == name;
    });
}

bool is_ipv4(const std::string& text)
{
    in_addr address{};
    return inet_pton(AF_INET, text.c_str(), &address) == 1;
}

std::uint32_t ipv4(const std::string& text)
{
    in_addr address{};
    inet_pton(AF_INET, text.c_str(), &address);
    return ntohl(address.s_addr);
}

bool is_ipv4_with_prefix(const std::string& text)
{
    const auto slash = text.find('/');
    if (slash == std::string::npos || !is_ipv4(text.substr(0, slash))) {
        return false;
    }
    const std::string prefix = text.substr(slash + 1);
    return !prefix.empty() && prefix.size() <= 2 &&
           prefix.find_first_not_of("0123456789") == std::string::npos && std::stoi(prefix) <= 32;
}

bool is_name(const std::string& text, std::size_t limit)
{
    constexpr std::string_view alphanumeric =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    return !text.empty() && text.size() <= limit && alphanumeric.find(text[0]) != std::string_view::npos &&
           text.find_first_not_of(std::string(alphanumeric) + "._-") == std::string::npos;
}

/// XML 1.0 cannot carry control characters at all, and no file needs them in its name.
bool is_plain_path(const std::filesystem::path& path)
{
    return std::none_of(path.native().begin(), path.native().end(), [](char character) {
        const auto byte = static_cast<unsigned char>(character);
        return byte < 0x20 || byte == 0x7f;
    });
}

std::string guest_address(const InstanceSpec& spec)
{
    return spec.address.empty() ? "10.0.2.15" : spec.address.substr(0, spec.address.find('/'));
}

Result<void> check_devices(const InstanceSpec& spec)
{
    constexpr std::array<std::string_view, 2> known{"virtio-net", "virtio-rng"};
    for (const auto& device : spec.description.value("devices", nlohmann::json::array())) {
        if (!device.is_string() ||
            std::find(known.begin(), known.end(), device.get<std::string>()) == known.end()) {
            return tl::unexpected(
                invalid("the image needs the device " + device.dump() +
                        ", which cannot be offered here; known are virtio-net, virtio-rng"));
        }
    }
    return {};
}

Result<void> check_network(const InstanceSpec& spec)
{
    if (!has_device(spec, "virtio-net") && (!spec.forwards.empty() || !spec.bridge.empty())) {
        return tl::unexpected(
            invalid("the image has no network card (no module that needs virtio-net), so no "
                    "port can be forwarded to it and no bridge used"));
    }
    if (!spec.bridge.empty() && !is_name(spec.bridge, 15)) {
        return tl::unexpected(invalid("\"" + spec.bridge + "\" is no name of a bridge"));
    }
    if (!spec.bridge.empty() && !spec.forwards.empty()) {
        return tl::unexpected(invalid("ports are forwarded on the user-mode network only; on bridge " +
                                      spec.bridge + " the guest has an address of its own"));
    }
    if (!spec.address.empty() && !is_ipv4_with_prefix(spec.address)) {
        return tl::unexpected(invalid("address \"" + spec.address + "\" is not of the form 10.0.2.15/24"));
    }
    if (!spec.gateway.empty() && !is_ipv4(spec.gateway)) {
        return tl::unexpected(invalid("gateway \"" + spec.gateway + "\" is not an IPv4 address"));
    }
    if (spec.bridge.empty() && (ipv4(guest_address(spec)) >> 8) != (ipv4("10.0.2.0") >> 8)) {
        return tl::unexpected(
            invalid("address " + spec.address + " is outside of the user-mode network, 10.0.2.0/24"));
    }
    for (const PortForward& forward : spec.forwards) {
        if (forward.guest_port == 0) {
            return tl::unexpected(invalid("the guest's port of a forwarding must be 1 to 65535, not 0"));
        }
        if (!is_ipv4(forward.host_address)) {
            return tl::unexpected(
                invalid("host address \"" + forward.host_address + "\" is not an IPv4 address"));
        }
    }
    return {};
}

/// Devices stand on the first bus, in slots far from those that libvirt hands out: on q35 it would put each
/// behind a bridge, which is more to look through, and for which qboot opens no window.
constexpr std::string_view card_slot = "0x10", rng_slot = "0x11";

std::string address_xml(std::string_view slot)
{
    return "      <address type='pci' domain='0' bus='0' slot='" + std::string(slot) + "' function='0'/>\n";
}

/// An option ROM would only cost time: nobody boots from this card.
std::string network_xml(const InstanceSpec& spec)
{
    if (spec.bridge.empty()) {
        return "";
    }
    return "    <interface type='bridge'>\n      <source bridge='" + spec.bridge +
           "'/>\n      <model type='virtio'/>\n      <rom enabled='no'/>\n" + address_xml(card_slot) +
           "    </interface>\n";
}

/// libvirt has no port forwarding for QEMU's user-mode network, so the card is QEMU's own words.
std::string user_network_xml(const InstanceSpec& spec)
{
    if (!spec.bridge.empty() || !has_device(spec, "virtio-net")) {
        return "";
    }
    std::string netdev = "user,id=net0,ipv6=off";
    netdev += spec.outbound ? "" : ",restrict=on";
    for (const PortForward& forward : spec.forwards) {
        netdev += ",hostfwd=tcp:" + forward.host_address + ":" + std::to_string(forward.host_port) + "-" +
                  guest_address(spec) + ":" + std::to_string(forward.guest_port);
    }
    const std::string bus = spec.machine == "q35" ? "pcie.0" : "pci.0";
    std::string xml = "  <qemu:commandline>\n";
    for (const std::string& word :
         {std::string("-netdev"), netdev, std::string("-device"),
          "virtio-net-pci,netdev=net0,romfile=,bus=" + bus + ",addr=" + std::string(card_slot)}) {
        xml += "    <qemu:arg value='" + xml_escape(word) + "'/>\n";
    }
    return xml + "  </qemu:commandline>\n";
}

/// TCG's default model lacks RDRAND, the guest's best source of random numbers.
std::string cpu_xml(std::string_view type)
{
    if (type == "kvm") {
        return "  <cpu mode='host-passthrough'/>\n";
    }
    if (type == "qemu") {
        return "  <cpu mode='custom' match='exact' check='none'>\n    <model "
               "fallback='forbid'>qemu64</model>\n"
               "    <feature policy='require' name='rdrand'/>\n  </cpu>\n";
    }
    return "";
}

std::string devices_xml(const InstanceSpec& spec)
{
    std::string xml = "  <devices>\n    <controller type='usb' model='none'/>\n";
    xml += network_xml(spec);
    xml += "    <serial type='file'>\n      <source path='" +
           xml_escape(std::filesystem::absolute(spec.console).native()) +
           "' append='off'/>\n      <target port='0'/>\n    </serial>\n";
    if (has_device(spec, "virtio-rng") || has_module(spec, "virtio-rng")) {
        xml += "    <rng model='virtio'>\n      <backend model='random'>/dev/urandom</backend>\n" +
               address_xml(rng_slot) + "    </rng>\n";
    }
    // Without this line libvirt adds a balloon by itself.
    return xml + "    <memballoon model='none'/>\n  </devices>\n";
}

std::uint32_t minimum_memory(const InstanceSpec& spec)
{
    return spec.description.value("minimum_memory_mib", 0U);
}

}  // namespace

std::string_view to_string(InstanceState state)
{
    switch (state) {
    case InstanceState::running:
        return "running";
    case InstanceState::paused:
        return "paused";
    case InstanceState::shut_off:
        return "shut off";
    case InstanceState::crashed:
        return "crashed";
    case InstanceState::gone:
        break;
    }
    return "gone";
}

Result<void> check(const InstanceSpec& spec)
{
    if (!is_name(spec.name, 63)) {
        return tl::unexpected(invalid("instance name \"" + spec.name +
                                      "\" must be 1 to 63 letters, digits, '.', '_' or '-', and begin with a "
                                      "letter or digit"));
    }
    if (spec.machine != "pc" && spec.machine != "q35") {
        return tl::unexpected(invalid("machine \"" + spec.machine + "\" is unknown; choose pc or q35"));
    }
    // Decoders differ in whether a positive number is signed.
    const auto minimum = spec.description.find("minimum_memory_mib");
    if (!spec.description.is_object() || minimum == spec.description.end() || !minimum->is_number_integer() ||
        minimum->get<std::int64_t>() <= 0 || minimum->get<std::int64_t>() > memory_limit_mib) {
        return tl::unexpected(invalid("the image's description has no usable minimum_memory_mib"));
    }
    if (spec.memory_mib != 0 && spec.memory_mib < minimum_memory(spec)) {
        return tl::unexpected(invalid(std::to_string(spec.memory_mib) +
                                      " MiB of memory are too few: the image " + "needs at least " +
                                      std::to_string(minimum_memory(spec)) + " MiB"));
    }
    if (spec.memory_mib > memory_limit_mib) {
        return tl::unexpected(invalid(std::to_string(spec.memory_mib) +
                                      " MiB of memory are over the maximum " +
                                      std::to_string(memory_limit_mib)));
    }
    if (spec.console.empty() || !is_plain_path(spec.console) || !is_plain_path(spec.image)) {
        return tl::unexpected(invalid("the paths of image and console log must be given, without control "
                                      "characters"));
    }
    if (auto devices = check_devices(spec); !devices) {
        return devices;
    }
    return check_network(spec);
}

Result<std::string> domain_xml(const InstanceSpec& spec, std::string_view type,
                               const std::filesystem::path& rom)
{
    if (auto checked = check(spec); !checked) {
        return tl::unexpected(checked.error());
    }
    auto words = command_line(spec);
    if (!words) {
        return words;
    }
    const std::uint32_t memory = spec.memory_mib == 0 ? minimum_memory(spec) : spec.memory_mib;
    std::string xml =
        "<domain type='" + std::string(type) + "' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n";
    xml += "  <name>" + spec.name + "</name>\n";
    xml += "  <metadata>" + metadata_xml(spec.forwards) + "</metadata>\n";
    xml += "  <memory unit='MiB'>" + std::to_string(memory) + "</memory>\n  <vcpu>1</vcpu>\n";
    xml += "  <os>\n    <type arch='x86_64' machine='" + spec.machine + "'>hvm</type>\n" +
           (rom.empty() ? "" : "    <loader type='rom'>" + xml_escape(rom.native()) + "</loader>\n") +
           "    <kernel>" + xml_escape(std::filesystem::absolute(spec.image).native()) +
           "</kernel>\n    <cmdline>" + xml_escape(*words) + "</cmdline>\n  </os>\n";
    xml += "  <features>\n    <acpi/>\n    <apic/>\n  </features>\n" + cpu_xml(type);
    xml += "  <on_poweroff>destroy</on_poweroff>\n  <on_reboot>restart</on_reboot>\n"
           "  <on_crash>destroy</on_crash>\n";
    return xml + devices_xml(spec) + user_network_xml(spec) + "</domain>\n";
}

}  // namespace unikernel
