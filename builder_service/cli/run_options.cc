// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/run_options.hh"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

#include "builder_service/cli/command.hh"

namespace unikernel::cli
{

namespace po = boost::program_options;

namespace
{

/// Boost would take "-1" for an unsigned number.
std::uint32_t number(const std::string& text, const std::string& what, std::uint32_t least,
                     std::uint32_t most)
{
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
        throw UsageError(what + ": \"" + text + "\" is not a number from " + std::to_string(least) + " to " +
                         std::to_string(most));
    }
    return value;
}

}  // namespace

po::options_description run_options()
{
    po::options_description options;
    options.add_options()("forward,f", po::value<std::vector<std::string>>()->value_name("[ADDR:]HOST:GUEST"),
                          "host port that leads to the guest's TCP port; host port 0 is any free one; may be "
                          "given several times")("memory,m", po::value<std::string>()->value_name("MIB"),
                                                 "memory; else the least the image needs")(
        "machine", po::value<std::string>()->value_name("pc|q35"),
        "machine type; else pc")("firmware", po::value<std::string>()->value_name("auto|bios"),
                                 "qboot where QEMU brings it, or QEMU's default; else auto")(
        "detach,d", "leave it to the builder service, which runs it until it is told to stop")(
        "name,n", po::value<std::string>()->value_name("NAME"),
        "of the instance; else the image's")("no-outbound", "the guest may open no connections of its own")(
        "bridge", po::value<std::string>()->value_name("BRIDGE"),
        "connect to a host bridge instead (needs libvirt's system daemon)")(
        "address", po::value<std::string>()->value_name("IP/PREFIX"),
        "the guest's address; else 10.0.2.15/24, on a bridge DHCP")(
        "gateway", po::value<std::string>()->value_name("IP"), "the guest's gateway")(
        "console", po::value<std::string>()->value_name("FILE"), "keep the console log in this file")(
        "grace", po::value<std::string>()->value_name("SECONDS"), "between power button and plug; else 10")(
        "connect", po::value<std::string>()->value_name("URI"),
        "libvirt; else the system's daemon, the user's, or a private one");
    return options;
}

PortForward parse_forward(const std::string& text)
{
    const std::string what = "--forward " + text;
    PortForward forward;
    std::string rest = text;
    if (std::count(rest.begin(), rest.end(), ':') == 2) {
        forward.host_address = rest.substr(0, rest.find(':'));
        rest = rest.substr(rest.find(':') + 1);
        in_addr address{};
        if (inet_pton(AF_INET, forward.host_address.c_str(), &address) != 1) {
            throw UsageError(what + ": \"" + forward.host_address + "\" is not an IPv4 address");
        }
    }
    const auto colon = rest.find(':');
    if (colon != std::string::npos) {
        forward.host_port = static_cast<std::uint16_t>(number(rest.substr(0, colon), what, 0, 65535));
        rest = rest.substr(colon + 1);
    }
    forward.guest_port = static_cast<std::uint16_t>(number(rest, what, 1, 65535));
    return forward;
}

InstanceSpec instance_spec(const po::variables_map& values)
{
    const auto text = [&](const char* option) {
        return values.count(option) != 0 ? values[option].as<std::string>() : std::string();
    };
    InstanceSpec spec;
    spec.name = text("name");
    if (values.count("memory") != 0) {
        spec.memory_mib = number(text("memory"), "--memory", 1, 1U << 20);
    }
    if (values.count("machine") != 0) {
        spec.machine = text("machine");
    }
    if (values.count("forward") != 0) {
        for (const std::string& forward : values["forward"].as<std::vector<std::string>>()) {
            spec.forwards.push_back(parse_forward(forward));
        }
    }
    spec.outbound = values.count("no-outbound") == 0;
    spec.bridge = text("bridge");
    spec.address = text("address");
    spec.gateway = text("gateway");
    if (values.count("arguments") != 0) {
        spec.arguments = values["arguments"].as<std::vector<std::string>>();
    }
    return spec;
}

std::chrono::milliseconds grace_period(const po::variables_map& values)
{
    constexpr std::uint32_t longest = 3600;
    const std::string text = values.count("grace") != 0 ? values["grace"].as<std::string>() : "10";
    return std::chrono::seconds(number(text, "--grace", 0, longest));
}

}  // namespace unikernel::cli
