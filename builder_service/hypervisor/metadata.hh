// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder_service/hypervisor/hypervisor.hh"

namespace unikernel
{

/// The XML namespace that marks a libvirt domain as ours, and its prefix.
inline constexpr const char* metadata_namespace = "https://opendev.org/openstack/os-unikernel/instance/1";
inline constexpr const char* metadata_prefix = "unikernel";

/// `text` as XML character data or attribute value.
std::string xml_escape(std::string_view text);

/// The element that describes an instance, as virDomainSetMetadata wants it, which adds the namespace:
/// <instance><forward host="127.0.0.1" port="8080" guest="80"/></instance>
std::string metadata_element(const std::vector<PortForward>& forwards);

/// The same with prefix and namespace, for a domain's XML.
std::string metadata_xml(const std::vector<PortForward>& forwards);

/// The forwardings out of such an element. libvirt hands it back in a form of its own (quotes, order),
/// and only we write it, so this reads attributes and no more.
std::vector<PortForward> forwards_from_metadata(std::string_view xml);

/// The TCP forwardings in the answer of QEMU's monitor to "info usernet".
std::vector<PortForward> forwards_from_usernet(std::string_view answer);

}  // namespace unikernel
