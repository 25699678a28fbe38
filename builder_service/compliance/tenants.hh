// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <vector>

#include "builder_service/fleet/fleet.hh"
#include "builder_service/reconcile/lines.hh"

namespace unikernel
{

/// A server that runs an image of a build of this service.
struct Tenant {
    Server server;
    LineImage image;  ///< that it runs
};

struct Population {
    std::vector<Tenant> tenants;
    std::vector<Server> strangers;  ///< unikernels of an image that no build here has made
};

/// Who runs what, now. Errors: as Fleet::list and the database.
Result<Population> population(Fleet& fleet, Lines& lines, LineImageRepository& images, std::stop_token stop);

}  // namespace unikernel
