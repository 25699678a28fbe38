// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "builder_service/fleet/fleet.hh"

namespace unikernel
{

/// Where this service knows of no servers: images alone are kept as they are wanted.
class NoServers final : public Fleet
{
public:
    Result<std::vector<Server>> list(std::stop_token) override { return std::vector<Server>{}; }
    Result<std::optional<Server>> find(const std::string&, std::stop_token) override { return std::nullopt; }
    Result<void> replace(const std::string& id, const std::string&, std::stop_token) override
    {
        return fail(FailureKind::not_found, "there is no server " + id);
    }
    Result<void> check(const Server& server, const HealthCheck&, std::stop_token) override
    {
        return fail(FailureKind::not_found, "there is no server " + server.id);
    }
};

}  // namespace unikernel
