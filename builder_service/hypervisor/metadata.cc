// SPDX-License-Identifier: Apache-2.0
#include "builder_service/hypervisor/metadata.hh"

#include <charconv>
#include <sstream>

namespace unikernel
{

namespace
{

std::uint16_t number(std::string_view text)
{
    std::uint16_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? value : std::uint16_t{0};
}

std::string_view attribute(std::string_view element, std::string_view name)
{
    const std::string start = " " + std::string(name) + "=";
    const auto at = element.find(start);
    if (at == std::string_view::npos || at + start.size() >= element.size()) {
        return {};
    }
    const char quote = element[at + start.size()];
    const auto begin = at + start.size() + 1;
    const auto end = element.find(quote, begin);
    return end == std::string_view::npos ? std::string_view{} : element.substr(begin, end - begin);
}

std::string forward_elements(const std::vector<PortForward>& forwards)
{
    std::string xml;
    for (const PortForward& forward : forwards) {
        xml += "<forward host='" + xml_escape(forward.host_address) + "' port='" +
               std::to_string(forward.host_port) + "' guest='" + std::to_string(forward.guest_port) + "'/>";
    }
    return xml;
}

}  // namespace

std::string xml_escape(std::string_view text)
{
    std::string escaped;
    for (const char character : text) {
        switch (character) {
        case '<':
            escaped += "&lt;";
            break;
        case '>':
            escaped += "&gt;";
            break;
        case '&':
            escaped += "&amp;";
            break;
        case '\'':
            escaped += "&apos;";
            break;
        case '"':
            escaped += "&quot;";
            break;
        default:
            escaped += character;
        }
    }
    return escaped;
}

std::string metadata_element(const std::vector<PortForward>& forwards)
{
    return "<instance>" + forward_elements(forwards) + "</instance>";
}

std::string metadata_xml(const std::vector<PortForward>& forwards)
{
    return "<unikernel:instance xmlns:unikernel='" + std::string(metadata_namespace) + "'>" +
           forward_elements(forwards) + "</unikernel:instance>";
}

std::vector<PortForward> forwards_from_metadata(std::string_view xml)
{
    std::vector<PortForward> forwards;
    for (auto at = xml.find("forward "); at != std::string_view::npos; at = xml.find("forward ", at + 1)) {
        const std::string_view element = xml.substr(at, xml.find('>', at) - at);
        forwards.push_back({std::string(attribute(element, "host")), number(attribute(element, "port")),
                            number(attribute(element, "guest"))});
    }
    return forwards;
}

std::vector<PortForward> forwards_from_usernet(std::string_view answer)
{
    // Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
    // TCP[HOST_FORWARD]  11       127.0.0.1 35123       10.0.2.15    80     0     0
    std::vector<PortForward> forwards;
    std::istringstream lines{std::string(answer)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        std::string state, descriptor, host, host_port, guest, guest_port;
        words >> state >> descriptor >> host >> host_port >> guest >> guest_port;
        if (state == "TCP[HOST_FORWARD]") {
            forwards.push_back({host, number(host_port), number(guest_port)});
        }
    }
    return forwards;
}

}  // namespace unikernel
