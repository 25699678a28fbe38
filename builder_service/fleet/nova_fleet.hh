// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "builder_service/fleet/fleet.hh"
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

    /// `nova` outlives it.
    explicit NovaFleet(Nova& nova) : nova_(nova) {}

    Result<std::vector<Server>> list(std::stop_token stop) override;
    Result<std::optional<Server>> find(const std::string& id, std::stop_token stop) override;
    Result<void> replace(const std::string& id, const std::string& image, std::stop_token stop) override;
    /// HTTP and TCP are tried at the server's floating addresses and then at its fixed ones, which must be
    /// reachable from here; one that is healthy is enough.
    Result<void> check(const Server& server, const HealthCheck& check, std::stop_token stop) override;

private:
    Nova& nova_;
};

}  // namespace unikernel
