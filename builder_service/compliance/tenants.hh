// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <vector>

#include "builder_service/fleet/fleet.hh"
#include "builder_service/reconcile/lines.hh"

namespace unikernel
{

/// A server that runs an image of one of the lines.
struct Tenant {
    Server server;
    LineImage image;  ///< that it runs
};

/// Who runs what, now. Errors: as Fleet::list and the database.
Result<std::vector<Tenant>> tenants(Fleet& fleet, Lines& lines, LineImageRepository& images,
                                    std::stop_token stop);

}  // namespace unikernel
