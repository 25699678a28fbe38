// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "builder_service/fleet/fleet.hh"
#include "builder_service/fleet/networks.hh"
#include "builder_service/openstack/nova.hh"

namespace unikernel
{

/// The servers that Nova runs, of all projects. Replacing is Nova's rebuild.
///
/// Pinned is a server with the metadata `unikernel:pinned` = true, and one that its owner has locked: an
/// administrator's request would go through all the same, and that is not what a lock is for.
class NovaFleet final : public Fleet
{
public:
    static constexpr const char* pin = "unikernel:pinned";

    /// `nova` outlives it. `probe_networks`: where health may be checked by network. A server's owner chooses
    /// its addresses, and may choose those of others.
    NovaFleet(Nova& nova, Networks probe_networks) : nova_(nova), probe_networks_(std::move(probe_networks))
    {
    }

    Result<std::vector<Server>> list(std::stop_token stop) override;
    Result<std::optional<Server>> find(const std::string& id, std::stop_token stop) override;
    Result<void> replace(const std::string& id, const std::string& image, std::stop_token stop) override;
    Result<void> can_check(const Server& server, const HealthCheck& check, std::stop_token stop) override;
    /// HTTP and TCP are tried at the server's floating addresses and then at its fixed ones, those of the
    /// probe networks alone, which must be reachable from here; one that is healthy is enough.
    Result<void> check(const Server& server, const HealthCheck& check, std::stop_token stop) override;

private:
    /// Where a check by network may go, in this order; never none.
    Result<std::vector<std::string>> addresses_of(const std::string& id, std::stop_token stop);

    Nova& nova_;
    const Networks probe_networks_;
};

}  // namespace unikernel
