// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "builder_service/hypervisor/libvirt_handles.hh"
#include "builder_service/hypervisor/private_daemon.hh"

namespace unikernel
{

/// A connection and, where it is our own, the daemon behind it (ended after the connection).
struct LibvirtConnection {
    std::unique_ptr<PrivateDaemon> daemon;
    Connection connection;
    std::string uri;
};

/// See Hypervisor::connect.
Result<LibvirtConnection> open_libvirt(const std::string& uri, const std::filesystem::path& state);

}  // namespace unikernel
