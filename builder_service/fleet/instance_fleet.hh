// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "builder_service/fleet/fleet.hh"
#include "builder_service/instances/instance_service.hh"

namespace unikernel
{

/// The service's own instances. Replacing ends when the new guest serves or was given up, so it takes about
/// as long as a boot; a new image that does not boot is refused (`invalid`), and the old guest runs on.
class InstanceFleet final : public Fleet
{
public:
    /// `instances` outlives it.
    explicit InstanceFleet(InstanceService& instances) : instances_(instances) {}

    Result<std::vector<Server>> list(std::stop_token stop) override;
    Result<std::optional<Server>> find(const std::string& id, std::stop_token stop) override;
    Result<void> replace(const std::string& id, const std::string& image, std::stop_token stop) override;
    /// HTTP and TCP are tried at the host port that leads to the guest's.
    Result<void> check(const Server& server, const HealthCheck& check, std::stop_token stop) override;

private:
    Result<InstanceView> known(const std::string& id);

    InstanceService& instances_;
};

/// For InstanceService::Needs: asks from outside, as a client would.
bool is_open(const PortForward& forward, std::stop_token stop);

}  // namespace unikernel
