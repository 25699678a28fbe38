// SPDX-License-Identifier: Apache-2.0
#include "builder_service/hypervisor/libvirt_connection.hh"

#include <unistd.h>

#include "builder_service/hypervisor/event_loop.hh"
#include "builder_service/hypervisor/libvirt_error.hh"

namespace unikernel
{

namespace
{

/// Seconds between keep-alive messages, and how many may stay unanswered before the peer is dead.
constexpr int keep_alive_interval = 5;
constexpr unsigned keep_alive_count = 3;

Result<Connection> open(const std::string& uri)
{
    Connection connection(virConnectOpen(uri.c_str()));
    if (!connection) {
        return tl::unexpected(libvirt_failure("libvirt at " + uri + " does not answer"));
    }
    virConnectSetKeepAlive(connection.get(), keep_alive_interval, keep_alive_count);
    return connection;
}

Result<LibvirtConnection> open_private(const std::filesystem::path& state)
{
    auto daemon = PrivateDaemon::start(state / "libvirt");
    if (!daemon) {
        return tl::unexpected(daemon.error());
    }
    const std::string address = (*daemon)->uri();
    auto own = open(address);
    if (!own) {
        return tl::unexpected(own.error());
    }
    return LibvirtConnection{std::move(*daemon), std::move(*own), address};
}

}  // namespace

Result<LibvirtConnection> open_libvirt(const std::string& uri, const std::filesystem::path& state)
{
    EventLoop::ensure();
    if (uri == "private") {
        return open_private(state);
    }
    if (!uri.empty()) {
        auto connection = open(uri);
        if (!connection) {
            return tl::unexpected(Failure{FailureKind::unavailable, connection.error().message});
        }
        return LibvirtConnection{nullptr, std::move(*connection), uri};
    }
    if (auto system = open("qemu:///system")) {
        return LibvirtConnection{nullptr, std::move(*system), "qemu:///system"};
    }
    if (geteuid() != 0) {  // root has no session
        if (auto session = open("qemu:///session")) {
            return LibvirtConnection{nullptr, std::move(*session), "qemu:///session"};
        }
    }
    return open_private(state);
}

}  // namespace unikernel
