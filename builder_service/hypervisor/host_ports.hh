// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "builder_service/hypervisor/hypervisor.hh"
#include "builder_service/hypervisor/libvirt_handles.hh"

namespace unikernel
{

/// QEMU picks a free port for host port 0, so that nobody can take it in between; its monitor says which.
/// Ports stay 0 if the guest ended meanwhile.
void learn_host_ports(virDomainPtr domain, std::vector<PortForward>& forwards);

/// Closes the host ports that are in `old` alone and opens those that are in `wanted` alone.
/// Errors: conflict (a port is in use), unavailable; ports may then be missing.
Result<void> change_host_ports(virDomainPtr domain, const std::vector<PortForward>& old,
                               const std::vector<PortForward>& wanted);

}  // namespace unikernel
