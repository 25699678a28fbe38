// SPDX-License-Identifier: Apache-2.0
#include "builder_service/hypervisor/hypervisor.hh"

#include <algorithm>

namespace unikernel
{

namespace
{

/// The guest's buffer (doc: image.rst).
constexpr std::size_t command_line_limit = 2047;

bool is_word(const std::string& text)
{
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char character) {
        const auto byte = static_cast<unsigned char>(character);
        return byte > 0x20 && byte != 0x7f;
    });
}

std::string network_words(const InstanceSpec& spec)
{
    if (!spec.bridge.empty()) {
        std::string words;
        if (!spec.address.empty()) {
            words += " net.ip=" + spec.address;
        }
        if (!spec.gateway.empty()) {
            words += " net.gw=" + spec.gateway;
        }
        return words;
    }
    // QEMU's user-mode network has its gateway at .2 and its name server at .3.
    return " net.ip=" + (spec.address.empty() ? "10.0.2.15/24" : spec.address) +
           " net.gw=" + (spec.gateway.empty() ? "10.0.2.2" : spec.gateway) + " net.dns=10.0.2.3";
}

}  // namespace

Result<std::string> command_line(const InstanceSpec& spec)
{
    std::string line = "u0";
    const auto devices = spec.description.value("devices", nlohmann::json::array());
    if (std::find(devices.begin(), devices.end(), "virtio-net") != devices.end()) {
        line += network_words(spec);
    }
    line += " net.host=" + spec.name;
    if (!spec.arguments.empty()) {
        line += " --";
    }
    for (std::size_t i = 0; i < spec.arguments.size(); ++i) {
        if (!is_word(spec.arguments[i])) {
            return fail(FailureKind::invalid,
                        "argument " + std::to_string(i + 1) +
                            " of the application is empty or holds a space or a control character: the "
                            "guest's command line is made of words; write it without, for example %20 or _");
        }
        line += " " + spec.arguments[i];
    }
    // Multiboot puts the kernel's path and a space in front.
    const std::size_t path = std::filesystem::absolute(spec.image).native().size() + 1;
    if (line.size() + path > command_line_limit) {
        return fail(FailureKind::invalid,
                    "the guest's command line has " + std::to_string(line.size() + path) + " bytes (" +
                        std::to_string(path) + " of them the image's path), the limit is " +
                        std::to_string(command_line_limit) +
                        "; give the application fewer or shorter arguments");
    }
    return line;
}

}  // namespace unikernel
